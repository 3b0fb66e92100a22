//! Scripts of frames, through the public interface only: each is named as the promise that it holds.

mod authorizing;
mod batches;
mod bounds;
mod closing;
mod credit;
mod dissolving;
mod forwarding;
mod forwards_chained;
mod matching;
mod opening;
mod routing;
mod script;
mod sharing;
mod sockets;
mod timers;
