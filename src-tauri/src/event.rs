//! What the page hears without asking.

use seamark_desk::Desk;
use seamark_desk::answer::{AppState, DecisionProgress, DeskEvent, ReviewChange};
use serde::Serialize;
use specta::Type;
use tauri::{AppHandle, Wry};
use tauri_specta::Event;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// Something around the screens changed.
#[derive(Clone, Debug, Serialize, Type, Event)]
#[tauri_specta(event_name = "app-state")]
pub struct AppStateChanged(pub AppState);

/// The list changed; `version` as in the inbox.
#[derive(Clone, Copy, Debug, Serialize, Type, Event)]
pub struct InboxChanged {
    pub version: u32,
}

/// A review that was opened here changed.
#[derive(Clone, Debug, Serialize, Type, Event)]
#[serde(rename_all = "camelCase")]
pub struct ReviewChanged {
    pub review_id: String,
    pub change: ReviewChange,
}

/// An own decision came further.
#[derive(Clone, Debug, Serialize, Type, Event)]
#[tauri_specta(event_name = "decision-progress")]
pub struct DecisionProgressed(pub DecisionProgress);

/// Every value of this review that was revealed is masked again.
#[derive(Clone, Debug, Serialize, Type, Event)]
#[serde(rename_all = "camelCase")]
pub struct FieldsMasked {
    pub review_id: String,
}

/// How far setting up has come.
#[derive(Clone, Debug, Serialize, Type, Event)]
pub struct SetupProgress {
    /// From 1.
    pub step: u32,
    pub of: u32,
    pub text: String,
}

/// Passes on what the desk tells, until the desk is gone.
pub(crate) async fn pass_on(desk: Desk, mut heard: Receiver<DeskEvent>, app: AppHandle) {
    loop {
        match heard.recv().await {
            Ok(event) => pass_on_one(event, &app),
            // The window was too slow and missed some: it is told what holds now instead.
            Err(RecvError::Lagged(n_missed)) => {
                tracing::warn!(n_missed, "the window missed events");
                tell_all(&desk, &app).await;
            }
            Err(RecvError::Closed) => return,
        }
    }
}

fn pass_on_one(event: DeskEvent, app: &AppHandle) {
    match event {
        DeskEvent::AppState(state) => tell(&AppStateChanged(*state), app),
        DeskEvent::InboxChanged { version } => tell(&InboxChanged { version }, app),
        DeskEvent::ReviewChanged { review_id, change } => tell(&ReviewChanged { review_id, change }, app),
        DeskEvent::DecisionProgress(progress) => tell(&DecisionProgressed(progress), app),
        DeskEvent::FieldsMasked { review_id } => tell(&FieldsMasked { review_id }, app),
    }
}

async fn tell_all(desk: &Desk, app: &AppHandle) {
    if let Ok(state) = desk.app_state().await {
        tell(&AppStateChanged(state), app);
    }
    if let Ok(page) = desk.inbox_rows("all", "", 0, 1).await {
        tell(&InboxChanged { version: page.version }, app);
    }
}

/// A window that is closing hears nothing any more, which is no fault.
pub(crate) fn tell<E: Event + Serialize + Clone>(event: &E, app: &AppHandle<Wry>) {
    if let Err(error) = event.emit(app) {
        tracing::debug!(%error, event = E::NAME, "an event reached no window");
    }
}
