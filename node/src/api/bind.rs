//! Where the API listens: a socket of mode 0600, or a loopback address. Nowhere else.

use super::{Api, connections};
use crate::{
    config::Bind,
    home::{Endpoint, Home},
};
use std::{
    fs, io,
    net::SocketAddr,
    os::unix::fs::{FileTypeExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;

/// The API's listener, before it serves.
pub(crate) enum Bound {
    Unix(UnixListener, PathBuf),
    Tcp(TcpListener, SocketAddr),
}

/// Why the API can't listen.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BindError {
    /// The configuration can't say so; this is the second lock.
    #[error("the API never listens on {0}, which others can reach; use `unix` or a loopback address")]
    NotLoopback(SocketAddr),
    /// Another program is there.
    #[error("another program listens on {0}; stop it, or choose another place with --set api.bind=..")]
    InUse(String),
    /// Paths of sockets are short.
    #[error("the path {} is too long for a socket; use a shorter one (--set api.bind=unix:/tmp/..), or a loopback address", path.display())]
    TooLong {
        /// The path.
        path: PathBuf,
    },
    /// Something that isn't a socket is in the way.
    #[error("{} is in the way of the API's socket; remove it", path.display())]
    Occupied {
        /// The path.
        path: PathBuf,
    },
    /// The system refused.
    #[error("the API can't listen on {place}: {source}")]
    Io {
        /// Where.
        place: String,
        /// What it said.
        source: io::Error,
    },
}

impl Bound {
    pub(crate) async fn bind(bind: &Bind, home: &Home) -> Result<Self, BindError> {
        match bind {
            Bind::HomeSocket => socket(home.socket()).await,
            Bind::Socket(path) => socket(path.clone()).await,
            Bind::Loopback(address) => loopback(*address).await,
        }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        match self {
            Self::Unix(_, path) => Endpoint::Unix(path.clone()),
            Self::Tcp(_, address) => Endpoint::Tcp(*address),
        }
    }

    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Unix(..) => None,
            Self::Tcp(_, address) => Some(*address),
        }
    }

    /// Serves until `stop`, then lets the requests that are under way end.
    pub(crate) async fn serve(self, api: Api, stop: CancellationToken) {
        let router = super::router(api);
        match self {
            Self::Unix(listener, path) => {
                connections::serve(listener, router, stop).await;
                let _ = fs::remove_file(path);
            }
            Self::Tcp(listener, _) => connections::serve(listener, router, stop).await,
        }
    }
}

async fn socket(path: PathBuf) -> Result<Bound, BindError> {
    clear(&path).await?;
    let io = |source: io::Error| {
        let too_long = source.kind() == io::ErrorKind::InvalidInput;
        let place = path.display().to_string();
        if too_long { BindError::TooLong { path: path.clone() } } else { BindError::Io { place, source } }
    };
    let listener = UnixListener::bind(&path).map_err(io)?;
    // In the home nobody else gets this far; a socket elsewhere has only this, and the token.
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(io)?;
    Ok(Bound::Unix(listener, path))
}

/// Removes the socket that a killed node left behind.
async fn clear(path: &Path) -> Result<(), BindError> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(()) };
    if !metadata.file_type().is_socket() {
        return Err(BindError::Occupied { path: path.to_owned() });
    }
    if UnixStream::connect(path).await.is_ok() {
        return Err(BindError::InUse(path.display().to_string()));
    }
    fs::remove_file(path).map_err(|source| BindError::Io { place: path.display().to_string(), source })
}

async fn loopback(address: SocketAddr) -> Result<Bound, BindError> {
    if !address.ip().is_loopback() {
        return Err(BindError::NotLoopback(address));
    }
    let io = |source: io::Error| {
        let in_use = source.kind() == io::ErrorKind::AddrInUse;
        let place = address.to_string();
        if in_use { BindError::InUse(place) } else { BindError::Io { place, source } }
    };
    let listener = TcpListener::bind(address).await.map_err(io)?;
    let address = listener.local_addr().map_err(io)?;
    Ok(Bound::Tcp(listener, address))
}
