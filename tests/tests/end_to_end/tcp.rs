//! The `tcp` binding: listeners, connections, credit, and what happens when there is no more of something.

mod endings;
mod flow;
mod listening;
mod many;
