//! Where files are made durable while the store is in use: one place, so that a test notices if it is left out.

use std::{fs::File, io};

/// Everything written to the file is on the disk when this returns: `fdatasync`.
pub(super) fn sync_data(file: &File) -> io::Result<()> {
    #[cfg(test)]
    COUNT.with(|count| count.set(count.get() + 1));
    file.sync_data()
}

#[cfg(test)]
thread_local! {
    static COUNT: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// How often this thread has made a file durable.
#[cfg(test)]
pub(super) fn count() -> usize {
    COUNT.with(std::cell::Cell::get)
}
