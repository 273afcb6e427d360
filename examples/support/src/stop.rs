use std::io;

/// Who wants the program to end.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Stop {
    /// The user, by Ctrl-C.
    Interrupted,
    /// The system, by SIGTERM.
    Terminated,
}

impl Stop {
    /// The exit code of a program that ends in order because of this.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Interrupted => crate::exit::INTERRUPTED,
            Self::Terminated => crate::exit::DONE,
        }
    }

    /// The name in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Interrupted => "interrupted",
            Self::Terminated => "terminated",
        }
    }
}

/// From now on no signal ends the program at once; the future completes with the first one. Must
/// be called in a tokio runtime with I/O.
///
/// # Errors
///
/// The system lets no signals be caught.
pub fn stopping() -> io::Result<impl Future<Output = Stop>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        Ok(async move {
            tokio::select! {
                _ = interrupt.recv() => Stop::Interrupted,
                _ = terminate.recv() => Stop::Terminated,
            }
        })
    }
    #[cfg(not(unix))]
    {
        Ok(async {
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
            Stop::Interrupted
        })
    }
}
