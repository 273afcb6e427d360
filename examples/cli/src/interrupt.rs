use std::sync::{Arc, Mutex, PoisonError};

/// What is to be undone when the command ends, or is interrupted before.
#[derive(Clone, Default)]
pub(crate) struct CleanUp(Arc<Mutex<Option<Undo>>>);

type Undo = Box<dyn FnOnce() + Send>;

impl CleanUp {
    /// Runs `undo` at the end, whatever the end is.
    pub(crate) fn set(&self, undo: impl FnOnce() + Send + 'static) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(undo));
    }

    /// Undoes, once; who comes second waits for the first.
    pub(crate) fn run(&self) {
        let mut undo = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(undo) = undo.take() {
            undo();
        }
    }
}

/// From here on an interrupt (Ctrl-C, or the system's wish to end) undoes and leaves with 130; a
/// second one does not wait.
pub(crate) fn watch(clean_up: CleanUp) {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        // Without it the system ends the program, and nothing is undone.
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            if interrupted().await.is_err() {
                return;
            }
            let leave = || std::process::exit(i32::from(support::exit::INTERRUPTED));
            std::thread::spawn(move || {
                clean_up.run();
                leave();
            });
            if interrupted().await.is_ok() {
                leave();
            }
        });
    });
}

#[cfg(unix)]
async fn interrupted() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result?,
        _ = terminate.recv() => {}
        _ = hang_up.recv() => {}
    }
    Ok(())
}

#[cfg(not(unix))]
async fn interrupted() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}
