//! What a peer does, as bytes that a fuzzer can change piece by piece.

use std::time::Duration;

/// One step of a peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerStep {
    /// It sends these bytes in one piece.
    Send(Vec<u8>),
    /// It waits.
    Pause(Duration),
    /// It sends nothing more.
    EndInput,
    /// It closes the connection.
    Leave,
    /// It no longer reads.
    StopReading,
    /// It reads again.
    Read,
    /// The service begins to drain.
    Drain,
}

/// The most bytes that a script sends.
const MOST: usize = 256 * 1024;

/// Reads a script: bytes to send, and instructions that begin with 0xFF. Two of these bytes, or one before an unknown
/// letter, are sent as one.
///
/// | letter | instruction |
/// |---|---|
/// | `c` | begin another piece |
/// | `l` | send 4 KiB of `a` |
/// | `p`, `P`, `I` | wait for 1, 11 or 25 seconds |
/// | `e`, `x` | end the input, leave |
/// | `s`, `r` | stop reading, read again |
/// | `d` | drain |
pub fn parse(input: &[u8]) -> Vec<PeerStep> {
    let (mut steps, mut piece, mut sent) = (Vec::new(), Vec::new(), 0);
    let mut bytes = input.iter().copied();
    while let Some(byte) = bytes.next() {
        let letter = if byte == 0xff { bytes.next() } else { None };
        let step = match letter {
            Some(b'l') => {
                piece.extend([b'a'; 4096]);
                continue;
            }
            Some(b'c') => None,
            Some(b'p') => Some(PeerStep::Pause(Duration::from_secs(1))),
            Some(b'P') => Some(PeerStep::Pause(Duration::from_secs(11))),
            Some(b'I') => Some(PeerStep::Pause(Duration::from_secs(25))),
            Some(b'e') => Some(PeerStep::EndInput),
            Some(b'x') => Some(PeerStep::Leave),
            Some(b's') => Some(PeerStep::StopReading),
            Some(b'r') => Some(PeerStep::Read),
            Some(b'd') => Some(PeerStep::Drain),
            _ => {
                piece.push(byte);
                piece.extend(letter.filter(|letter| *letter != 0xff));
                continue;
            }
        };
        sent += piece.len();
        if sent > MOST {
            break;
        }
        steps.extend((!piece.is_empty()).then(|| PeerStep::Send(std::mem::take(&mut piece))));
        steps.extend(step);
    }
    if sent + piece.len() <= MOST && !piece.is_empty() {
        steps.push(PeerStep::Send(piece));
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_bytes_with_instructions_between_them() {
        let steps = parse(b"GET\xffc /\xff\xff\xffz\xffP\xffex");
        let sent = |bytes: &[u8]| PeerStep::Send(bytes.to_vec());
        let expected = [
            sent(b"GET"),
            sent(b" /\xff\xffz"),
            PeerStep::Pause(Duration::from_secs(11)),
            PeerStep::EndInput,
            sent(b"x"),
        ];
        assert_eq!(steps, expected);
        assert_eq!(parse(b"\xffl\xff"), [sent(&[[b'a'; 4096].as_slice(), b"\xff"].concat())]);
    }
}
