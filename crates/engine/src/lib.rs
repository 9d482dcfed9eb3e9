//! The sans-IO node: contact, enrolment, forwarding and delivery.
