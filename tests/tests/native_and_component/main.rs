//! The same frames to a plugin as a component and to the same plugin natively: the same frames must come back.
//!
//! The peers of the plugin are played by scripts or by chance, and the host's engine stands between, so the
//! plugin gets what it would get in a host: bounded credit, ids that are reused, batches of many streams.

mod chance;
mod frames;
mod scripts;
mod stage;
