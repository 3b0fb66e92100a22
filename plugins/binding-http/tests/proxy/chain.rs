//! Two bindings as a host chains them: what one opens, the other accepts.

use binding_http::Http;
use zilla_sdk::testing::*;

/// A server whose exit is a client.
pub(crate) struct Chain {
    pub(crate) server: Harness<Http>,
    pub(crate) client: Harness<Http>,
    /// Streams between the two, by their peers: that of the server's exit, and that of the client's opener.
    between: Vec<(Peer, Peer)>,
}

impl Chain {
    pub(crate) fn new(server: &str, client: &str) -> Self {
        let attach = |kind: &str, options: &str| {
            Harness::<Http>::attach(&format!("{{kind: {kind}, options: {{{options}}}, exit: next}}")).unwrap()
        };
        let date = if server.is_empty() { "date: false" } else { "date: false, " };
        Self {
            server: attach("server", &format!("{date}{server}")),
            client: attach("client", client),
            between: Vec::new(),
        }
    }

    /// A client's connection to the server.
    pub(crate) fn connect(&self) -> Peer {
        let mut client = self.server.open(begin());
        client.recv(begun());
        client.auto_window();
        client
    }

    /// The connection to an origin that is opened next.
    #[track_caller]
    pub(crate) fn accept(&self) -> Peer {
        let mut origin = self.client.expect_open();
        origin.recv_begin();
        origin.send(begun());
        origin.auto_window();
        origin
    }

    /// Moves frames between the two until there are none.
    pub(crate) fn pump(&mut self) {
        loop {
            let mut moved = false;
            while let Some(mut exit) = self.server.opened() {
                exit.auto_window();
                let frames = exit.recv_all();
                let mut frames = frames.into_iter();
                let begin = frames.next().unwrap();
                let opener = self.client.batch(|| {
                    let mut opener = self.client.open(begin);
                    opener.auto_window();
                    frames.for_each(|frame| send(&mut opener, frame));
                    opener
                });
                self.between.push((exit, opener));
                moved = true;
            }
            for (exit, opener) in &mut self.between {
                moved |= hand(exit, opener);
                moved |= hand(opener, exit);
            }
            if !moved {
                return;
            }
        }
    }
}

/// Hands what one peer received to the other. False if there was nothing.
fn hand(from: &mut Peer, to: &mut Peer) -> bool {
    let frames = from.recv_all();
    let is_some = !frames.is_empty();
    frames.into_iter().for_each(|frame| send(to, frame));
    is_some
}

/// Sends a frame, if its direction still takes it, in pieces as credit goes.
fn send(to: &mut Peer, frame: Frame) {
    match frame.kind {
        FrameKind::Data => to.send_payload(frame.payload),
        FrameKind::Reset => to.send(frame),
        _ if to.can_send() => to.send(frame),
        _ => {}
    }
}
