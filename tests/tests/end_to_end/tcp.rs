//! The `tcp` binding: listeners, connections, credit, and what happens when there is no more of something.

mod destinations;
mod endings;
mod flow;
mod limits;
mod listening;
mod many;
mod proxy;
