//! What an end says of itself (RFC 9113, 6.5).

use super::frame::{Code, FRAME_OCTETS_MAX, FRAME_OCTETS_MIN, U31_MAX, Wrong};

/// Largest HPACK table and first window of an end that has said nothing, in octets.
pub(crate) const TABLE_OCTETS: u32 = 4_096;
/// See [`TABLE_OCTETS`].
pub(crate) const WINDOW_OCTETS: u32 = 65_535;

/// The settings of an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Largest table that it keeps for decoding, in octets.
    pub(crate) table_octets: u32,
    /// Whether it takes pushed streams; of a client's alone.
    pub(crate) push: bool,
    /// Most streams at a time that the peer may open.
    pub(crate) streams: u32,
    /// Window of a stream at first, in octets.
    pub(crate) window_octets: u32,
    /// Longest payload of a frame that it takes.
    pub(crate) frame_octets: u32,
    /// Longest field list that it takes, each field counted with 32 octets more.
    pub(crate) list_octets: u32,
    /// Whether it takes extended `CONNECT` (RFC 8441, 3); of a server's alone.
    pub(crate) connect: bool,
}

impl Default for Settings {
    /// What holds before an end has said anything.
    fn default() -> Self {
        Self {
            table_octets: TABLE_OCTETS,
            push: true,
            streams: u32::MAX,
            window_octets: WINDOW_OCTETS,
            frame_octets: FRAME_OCTETS_MIN,
            list_octets: u32::MAX,
            connect: false,
        }
    }
}

impl Settings {
    /// Changes what the payload of `SETTINGS` says; what is not known is ignored.
    pub(crate) fn read(&mut self, payload: &[u8]) -> Result<(), Wrong> {
        let (settings, rest) = payload.as_chunks::<6>();
        if !rest.is_empty() {
            return Err(Wrong::Connection(Code::FrameSizeError, "SETTINGS are not a multiple of 6 octets"));
        }
        for [i0, i1, v0, v1, v2, v3] in settings {
            let value = u32::from_be_bytes([*v0, *v1, *v2, *v3]);
            match u16::from_be_bytes([*i0, *i1]) {
                1 => self.table_octets = value,
                2 if value > 1 => {
                    return Err(Wrong::Connection(Code::ProtocolError, "ENABLE_PUSH is neither 0 nor 1"));
                }
                2 => self.push = value == 1,
                3 => self.streams = value,
                4 if value > U31_MAX => {
                    return Err(Wrong::Connection(
                        Code::FlowControlError,
                        "INITIAL_WINDOW_SIZE is over 2^31-1",
                    ));
                }
                4 => self.window_octets = value,
                5 if !(FRAME_OCTETS_MIN..=FRAME_OCTETS_MAX).contains(&value) => {
                    return Err(Wrong::Connection(Code::ProtocolError, "MAX_FRAME_SIZE is out of its range"));
                }
                5 => self.frame_octets = value,
                6 => self.list_octets = value,
                8 if value > 1 => {
                    return Err(Wrong::Connection(
                        Code::ProtocolError,
                        "ENABLE_CONNECT_PROTOCOL is neither 0 nor 1",
                    ));
                }
                8 => self.connect = value == 1,
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes the payload of `SETTINGS`: what differs from the default.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let unsaid = Self::default();
        let mut setting = |identifier: u16, value: u32, unsaid: u32| {
            if value != unsaid {
                out.extend_from_slice(&identifier.to_be_bytes());
                out.extend_from_slice(&value.to_be_bytes());
            }
        };
        setting(1, self.table_octets, unsaid.table_octets);
        setting(2, u32::from(self.push), u32::from(unsaid.push));
        setting(3, self.streams, unsaid.streams);
        setting(4, self.window_octets, unsaid.window_octets);
        setting(5, self.frame_octets, unsaid.frame_octets);
        setting(6, self.list_octets, unsaid.list_octets);
        setting(8, u32::from(self.connect), u32::from(unsaid.connect));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_they_were_written() {
        let settings = Settings {
            table_octets: 0,
            push: false,
            streams: 100,
            window_octets: U31_MAX,
            frame_octets: FRAME_OCTETS_MAX,
            list_octets: 7,
            connect: true,
        };
        for settings in [settings, Settings::default(), Settings { streams: 0, ..Settings::default() }] {
            let (mut out, mut read) = (Vec::new(), Settings::default());
            settings.write(&mut out);
            read.read(&out).unwrap();
            assert_eq!(read, settings);
        }
    }

    #[test]
    fn values_out_of_range_are_refused() {
        for (identifier, value, expected) in [
            (2, 2, Some(Code::ProtocolError)),
            (4, 0x8000_0000, Some(Code::FlowControlError)),
            (5, 16_383, Some(Code::ProtocolError)),
            (5, 0x100_0000, Some(Code::ProtocolError)),
            (8, 2, Some(Code::ProtocolError)),
            (7, u32::MAX, None),
            (0x0a0a, 1, None),
        ] {
            let mut payload = vec![0, identifier as u8];
            payload[0] = (identifier >> 8) as u8;
            payload.extend_from_slice(&u32::to_be_bytes(value));
            let found = Settings::default().read(&payload).err().map(|wrong| match wrong {
                Wrong::Connection(code, _) => code,
                Wrong::Stream(..) => unreachable!("settings have no stream"),
            });
            assert_eq!(found, expected, "{identifier} = {value}");
        }
        assert!(Settings::default().read(&[0; 5]).is_err());
    }
}
