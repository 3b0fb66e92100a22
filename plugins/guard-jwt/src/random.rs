//! Random octets for crates that look for them: those of the host.

use getrandom::Error;

/// Octets that the host gives in one call.
const CALL_OCTETS_MAX: usize = 4_096;

/// Fills the octets from the host's generator.
fn fill(octets: &mut [u8]) -> Result<(), Error> {
    for piece in octets.chunks_mut(CALL_OCTETS_MAX) {
        piece.copy_from_slice(&zilla_sdk::host::random(piece.len() as u32));
    }
    Ok(())
}

getrandom::register_custom_getrandom!(fill);
