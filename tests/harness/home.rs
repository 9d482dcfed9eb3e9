//! Where a test's nodes live.

use super::{Api, Call, Node};
use serde_json::Value;
use std::{
    fs,
    io::Write as _,
    net::TcpListener,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU16, Ordering},
};
use tempfile::TempDir;

/// A directory of one test. It goes when the test ends.
#[derive(Debug)]
pub(crate) struct Place {
    directory: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        // Short, for the sockets in it.
        Self { directory: tempfile::Builder::new().prefix("fd-").tempdir_in("/tmp").unwrap() }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A home that is not there yet, and a port for it.
    pub(crate) fn home(&self, name: &str) -> Home {
        Home { path: self.path(name), port: free_port() }
    }

    /// A file that its owner alone can read, with this in it.
    pub(crate) fn secret(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        private_file(&path, text.as_bytes());
        path.display().to_string()
    }
}

/// Writes a file of mode 0600.
pub(crate) fn private_file(path: &Path, bytes: &[u8]) {
    let mut file =
        fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(path).unwrap();
    file.write_all(bytes).unwrap();
}

/// Copies a home's folder. Version control keeps no modes, so they are set as a home has them.
pub(crate) fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            private_file(&target, &fs::read(entry.path()).unwrap());
        }
    }
}

/// A port that nobody listens on, below those that the system gives away by itself: so a node that is started again
/// finds its own.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const FIRST: u32 = 10_000;
    const COUNT: u32 = 20_000;
    loop {
        let number = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let offset = (std::process::id().wrapping_mul(97) + number) % COUNT;
        let port = u16::try_from(FIRST + offset).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A node's directory, and what can be done with it from outside.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    pub(crate) path: PathBuf,
    pub(crate) port: u16,
}

impl Home {
    /// The same directory, to be reached elsewhere.
    pub(crate) fn moved(&self) -> Self {
        Self { path: self.path.clone(), port: free_port() }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Where its node listens.
    pub(crate) fn listen(&self) -> String {
        format!("/ip4/127.0.0.1/tcp/{}", self.port)
    }

    /// What its nodes and its `join` wrote to standard error.
    pub(crate) fn log_file(&self) -> PathBuf {
        self.path.with_extension("log")
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    pub(crate) fn init(&self, kind: &str, name: &str) -> Value {
        self.call(&["--json", "init", kind, "--name", name, "--listen", &self.listen()]).run().json()
    }

    pub(crate) fn call(&self, args: &[&str]) -> Call {
        Call::new(&self.path, args)
    }

    /// A command that goes well, as people see it.
    pub(crate) fn text(&self, args: &[&str]) -> String {
        self.call(args).run().good()
    }

    /// A command that goes well, as programs see it.
    pub(crate) fn json(&self, args: &[&str]) -> Value {
        self.call(&[&["--json"], args].concat()).run().json()
    }

    /// A command that fails: exit code, word, and all that was said.
    pub(crate) fn refused(&self, args: &[&str]) -> (i32, String, String) {
        self.call(&[&["--json"], args].concat()).run().refusal()
    }

    pub(crate) fn run(&self) -> Node {
        Node::start(self, &[])
    }

    /// The API of the node that runs here.
    pub(crate) fn api(&self) -> Api {
        Api::of(&self.path)
    }
}
