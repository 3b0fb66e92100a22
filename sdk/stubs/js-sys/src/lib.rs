//! Stands in for the crate of that name in components, where there is no JavaScript.
//!
//! `jsonwebtoken` asks `js-sys` for the date on every wasm target, and `js-sys` leaves imports in the component that no
//! host has. What it needs to compile is here. Nothing calls it: a plugin is given the time with each call.

/// The date, which a plugin has no way to know.
#[derive(Debug)]
pub struct Date;

impl Date {
    /// Now, as far as anybody knows.
    pub fn new_0() -> Self {
        Self
    }

    /// Never reached: see the [crate].
    pub fn get_time(&self) -> f64 {
        unreachable!("a plugin is given the time with each call")
    }
}
