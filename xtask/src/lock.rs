//! One process at a time: a lock on a file, released when the process lets go of it or ends.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

/// Waits for the lock on `path`, which is created if it is missing, and says so on stderr when another
/// process has it. Dropping the returned file releases the lock.
pub fn hold(path: &Path) -> io::Result<File> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    let file = File::options().create(true).write(true).truncate(false).open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            eprintln!("waiting for another process that builds the plugins ({})", path.display());
            file.lock()?;
        }
        Err(TryLockError::Error(error)) => return Err(error),
    }
    Ok(file)
}
