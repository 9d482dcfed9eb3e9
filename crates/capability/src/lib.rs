//! Grants: issue, attenuate, verify and revoke signed capabilities.
