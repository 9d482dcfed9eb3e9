//! libp2p: swarm, framed streams and address book, mapped to the engine's world.
