//! Plugins are replaced under open WebSockets.

use crate::support::site::Site;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use zilla_tests::plugin::{built, version};
use zilla_tests::streams::make_room;
use zilla_tests::websocket::{WebSocket, frame, opcode};
use zilla_tests::{Ports, config, until};

/// Sockets that are open all the while.
const SOCKETS: usize = 1_000;

/// Threads that speak over them.
const SPEAKERS: usize = 4;

/// How often each of two plugins is replaced.
const SWAPS: usize = 3;

/// Messages that are on their way on a socket at a time.
const BURST: usize = 3;

/// What the speakers share.
struct Talk {
    port: u16,
    /// The generation that sockets move to, when they have spoken.
    generation: AtomicUsize,
    /// Rounds of each speaker over all of its sockets.
    rounds: [AtomicUsize; SPEAKERS],
    is_over: AtomicBool,
}

/// One socket, and what was said on it.
struct Speaker {
    socket: WebSocket,
    generation: usize,
    said: usize,
}

impl Speaker {
    fn open(talk: &Talk) -> Self {
        let generation = talk.generation.load(Relaxed);
        Self { socket: WebSocket::connect(talk.port), generation, said: 0 }
    }

    /// Says some numbers, which have not come back yet.
    fn say(&mut self) {
        let numbers = self.said..self.said + BURST;
        let octets = numbers.flat_map(|number| frame(0x80 | opcode::TEXT, number.to_string()));
        self.socket.client().send(octets.collect::<Vec<_>>());
    }

    /// Expects them back, in order, and nothing else.
    fn hear(&mut self) {
        for number in self.said..self.said + BURST {
            let found = self.socket.recv();
            assert_eq!((found.opcode, found.payload), (opcode::TEXT, number.to_string().into_bytes()));
        }
        self.said += BURST;
    }
}

impl Talk {
    /// Speaks over some sockets until it is over. Each is left in order once there is a newer generation.
    fn speak(&self, index: usize) {
        let mut speakers: Vec<Speaker> = (0..SOCKETS / SPEAKERS).map(|_| Speaker::open(self)).collect();
        while !self.is_over.load(Relaxed) {
            speakers.iter_mut().for_each(Speaker::say);
            speakers.iter_mut().for_each(Speaker::hear);
            let generation = self.generation.load(Relaxed);
            for speaker in speakers.iter_mut().filter(|speaker| speaker.generation < generation) {
                std::mem::replace(speaker, Speaker::open(self)).socket.close(1000);
            }
            self.rounds[index].fetch_add(1, Relaxed);
        }
        for speaker in speakers {
            speaker.socket.close(1000);
        }
    }

    /// Waits until all sockets have been spoken on once more, from before to after.
    #[track_caller]
    fn wait_for_rounds(&self) {
        for rounds in &self.rounds {
            let before = rounds.load(Relaxed);
            until("the sockets have been spoken on", || rounds.load(Relaxed) >= before + 2);
        }
    }
}

#[test]
fn plugins_that_are_replaced_cost_no_socket_and_no_message() {
    make_room(2 * SOCKETS);
    let port = Ports::one();
    let site = Site::with(&["--no-watch", "--drain-ms=600000"]).start(&config::ws_echo(&port, ""));
    let talk = Talk {
        port: port.first(),
        generation: AtomicUsize::new(0),
        rounds: Default::default(),
        is_over: AtomicBool::new(false),
    };
    std::thread::scope(|scope| {
        let speaking: Vec<_> = (0..SPEAKERS)
            .map(|index| {
                scope.spawn({
                    let talk = &talk;
                    move || talk.speak(index)
                })
            })
            .collect();
        // Whoever fails is waited for here, so that the others are told to end.
        let swapping = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for swap in 1..=SWAPS {
                for type_name in ["ws", "http"] {
                    talk.wait_for_rounds();
                    site.install(type_name, &version(&built(type_name), swap));
                    let reloaded = site.reload();
                    assert!(reloaded.contains("1 pipelines started, 1 drain"), "{reloaded}");
                    // All of them go on where they began.
                    talk.wait_for_rounds();
                    let open: u64 = site.status().draining().iter().map(|(_, streams)| streams).sum();
                    assert!(open >= SOCKETS as u64, "{open} streams drain");
                    talk.generation.fetch_add(1, Relaxed);
                    site.wait_until_drained();
                }
            }
        }));
        talk.is_over.store(true, Relaxed);
        for speaker in speaking {
            speaker.join().expect("a speaker hears all that it says");
        }
        swapping.expect("all swaps are made");
    });
}

#[test]
fn a_generation_that_winds_down_says_1001_behind_all_that_was_said() {
    const MESSAGES: usize = 200;
    let port = Ports::one();
    let site = Site::with(&["--no-watch", "--drain-ms=3000"]).start(&config::ws_echo(&port, ""));
    for (swap, type_name) in [(1, "ws"), (1, "http"), (2, "ws")] {
        let mut sockets: Vec<WebSocket> = (0..20).map(|_| WebSocket::connect(port.first())).collect();
        let message = "x".repeat(1_000);
        let octets = frame(0x80 | opcode::TEXT, &message).repeat(MESSAGES);
        let mut writers: Vec<_> = sockets.iter_mut().map(|socket| socket.client().share()).collect();
        std::thread::scope(|scope| {
            // It waits in the gateway and on its way until it is read here.
            scope.spawn(|| writers.iter_mut().for_each(|writer| writer.send(&octets)));
            site.install(type_name, &version(&built(type_name), swap));
            assert!(site.reload().contains("1 pipelines started, 1 drain"));
            for socket in &mut sockets {
                for number in 0..MESSAGES {
                    assert!(socket.recv().payload == message.as_bytes(), "message {number} is another");
                }
            }
        });
        for socket in &mut sockets {
            socket.client().set_read_patience(Duration::from_secs(20));
            socket.expect_closed(1001);
        }
        WebSocket::connect(port.first()).expect_echo(opcode::BINARY, "on the new generation");
        site.wait_until_drained();
    }
}
