//! The bindings that the host serves itself, because they own sockets.

pub(crate) mod tcp;
