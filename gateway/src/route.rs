//! The endpoints, one per file, and the table of them: the router and the OpenAPI document are both made from it.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Path, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use base64ct::{Base64UrlUnpadded, Encoding as _};
use seamark_contracts::problem::ErrorCode;
use seamark_contracts::strict_json::{self, Limits};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::auth::{self, Peer};
use crate::openapi::{self, Access, Operation};
use crate::problem::{Failure, malformed};
use crate::state::Shared;

/// One endpoint.
pub(crate) struct Endpoint {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) handler: MethodRouter<Shared>,
    pub(crate) operation: Operation,
}

/// Declares the files of this folder and collects their endpoints.
macro_rules! endpoints {
    ($($module:ident),+ $(,)?) => {
        $(pub(crate) mod $module;)+

        /// Every endpoint, in the order of the document.
        pub(crate) fn endpoints() -> Vec<Endpoint> {
            vec![$($module::endpoint()),+]
        }

        /// Names of the files, to be compared with the folder.
        #[cfg(test)]
        pub(crate) const FILES: &[&str] = &[$(stringify!($module)),+];
    };
}

endpoints! {
    read_health,
    read_openapi,
    read_trust,
    read_directory,
    read_proposal,
    accept_directory,
    read_handover,
    list_contracts,
    read_contract,
    read_checkpoint,
    list_entries,
    prove_inclusion,
    prove_consistency,
    submit_handoff,
    read_handoff,
    wait_outcome,
    ack_outcome,
    withdraw_handoff,
    revise_handoff,
    consume_attempt,
    report_result,
    enrol_execution_key,
    stream_events,
    create_webhook,
    list_webhooks,
    delete_webhook,
    enrol_device,
    make_challenge,
    open_session,
    read_me,
    list_reviews,
    stream_reviews,
    read_review,
    present_view,
    decide_review,
    reveal_field,
    copy_field,
    read_artifact,
    list_audit,
    read_audit,
}

/// The parameter of every address below a handoff.
fn handoff_param(operation: Operation) -> Operation {
    let schema = json!({ "type": "string", "format": "uuid" });
    operation.path("id", "The handoff id.", schema, json!("0199a1c2-5b7e-7c3d-9a10-2f4b6c8d0e12"))
}

/// The parameter of every address below a review.
fn review_param(operation: Operation) -> Operation {
    let schema = json!({ "type": "string", "format": "uuid" });
    operation.path("id", "The review id.", schema, json!("0199a1c2-6c8f-7d4e-8b21-3f5c7d9e1f23"))
}

/// `(method, path, operation)` of every endpoint.
pub(crate) fn operations() -> Vec<(&'static str, &'static str, Operation)> {
    endpoints().into_iter().map(|endpoint| (endpoint.method, endpoint.path, endpoint.operation)).collect()
}

/// The whole router.
pub(crate) fn router(shared: Shared) -> Router {
    let mut router = Router::new();
    for endpoint in endpoints() {
        let handler = match endpoint.operation.access {
            Access::Public => endpoint.handler.layer(middleware::from_fn_with_state(shared.clone(), limit_public)),
            Access::Agent | Access::Device => endpoint.handler,
        };
        router = router.route(endpoint.path, handler);
    }
    router
        .fallback(async || Failure::not_found("page"))
        .method_not_allowed_fallback(async || other_method())
        .layer(DefaultBodyLimit::max(MAX_LARGE_BODY))
        .layer(middleware::from_fn_with_state(shared.clone(), finish))
        .with_state(shared)
}

/// An address without this method.
pub(crate) fn other_method() -> Failure {
    let detail = "This address exists, but not for this method. See /openapi.json.";
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, ErrorCode::InvalidRequest, detail)
}

/// A body that did not arrive in time.
pub(crate) fn too_slow() -> Failure {
    let detail = "The body took too long to arrive. Send the same request again.";
    Failure::new(StatusCode::REQUEST_TIMEOUT, ErrorCode::MalformedJson, detail)
}

/// The OpenAPI document.
pub(crate) fn openapi_document() -> serde_json::Value {
    openapi::document(&operations(), &openapi::EXAMPLES)
}

/// Largest body of any route: an envelope of 384 KiB and a view.
const MAX_LARGE_BODY: usize = 1024 * 1024;

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Before an endpoint that asks for no credentials.
async fn limit_public(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    match auth::limit_public(&shared, request.extensions().get::<Peer>().copied()) {
        Ok(()) => next.run(request).await,
        Err(failure) => failure.into_response(),
    }
}

/// The outermost layer: names the request, finishes problems, sets the headers that every answer has.
async fn finish(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let mut random = [0u8; 12];
    shared.chance.fill(&mut random);
    let request_id = format!("req_{}", Base64UrlUnpadded::encode_string(&random));
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let mut response = next.run(request).await;
    if let Some(failure) = response.extensions_mut().remove::<Failure>() {
        tracing::debug!(request_id, %method, path, "answered with a problem");
        let headers = std::mem::take(response.headers_mut());
        response = failure.answer(&request_id);
        if let Some(allow) = headers.get(header::ALLOW) {
            response.headers_mut().insert(header::ALLOW, allow.clone());
        }
    }
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        headers.insert(REQUEST_ID.clone(), value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

/// The body as received, within `MAX` bytes.
#[derive(Debug)]
pub(crate) struct Received<const MAX: usize>(pub(crate) Bytes);

/// A key, a proof, a short request: 256 KiB.
pub(crate) const SMALL: usize = 256 * 1024;
/// With an envelope or a view in it: 1 MiB.
pub(crate) const LARGE: usize = MAX_LARGE_BODY;

impl<const MAX: usize> FromRequest<Shared> for Received<MAX> {
    type Rejection = Failure;

    async fn from_request(request: Request, shared: &Shared) -> Result<Self, Failure> {
        let too_large = || {
            let detail = format!(
                "This address takes at most {} KiB. Send large tool outputs as artifacts, or less of them.",
                MAX / 1024
            );
            Failure::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::TooLarge, detail)
        };
        let reading = Bytes::from_request(request, shared);
        let Ok(read) = tokio::time::timeout(shared.limits.body_timeout, reading).await else {
            return Err(too_slow());
        };
        let bytes = read.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                return too_large();
            }
            Failure::new(
                StatusCode::BAD_REQUEST,
                ErrorCode::MalformedJson,
                "The body did not arrive whole. Send the same request again.",
            )
            .because(rejection)
        })?;
        if bytes.len() > MAX { Err(too_large()) } else { Ok(Self(bytes)) }
    }
}

/// A JSON body of a type, through the strict gate.
#[derive(Debug)]
pub(crate) struct Body<T, const MAX: usize = SMALL>(pub(crate) T);

impl<T: DeserializeOwned, const MAX: usize> FromRequest<Shared> for Body<T, MAX> {
    type Rejection = Failure;

    async fn from_request(request: Request, shared: &Shared) -> Result<Self, Failure> {
        let Received::<MAX>(bytes) = Received::from_request(request, shared).await?;
        let limits = Limits::SIGNED.with_max_bytes(MAX);
        strict_json::parse_typed(&bytes, &limits).map(Self).map_err(malformed)
    }
}

/// Path parameters; what cannot be one is not found.
#[derive(Debug)]
pub(crate) struct At<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<Shared> for At<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Failure> {
        let path = Path::<T>::from_request_parts(parts, shared).await;
        path.map(|Path(value)| Self(value))
            .map_err(|rejection| Failure::not_found("item with this id").because(rejection))
    }
}

/// Query parameters.
#[derive(Debug)]
pub(crate) struct Asked<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<Shared> for Asked<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, shared: &Shared) -> Result<Self, Failure> {
        let query = Query::<T>::from_request_parts(parts, shared).await;
        query.map(|Query(value)| Self(value)).map_err(|rejection| {
            let detail = format!(
                "A parameter after the question mark is wrong: {}. See /openapi.json for what is allowed.",
                rejection.body_text()
            );
            Failure::new(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::InvalidRequest, detail)
        })
    }
}

/// A JSON answer.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(bytes) => {
                ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], bytes).into_response()
            }
            Err(error) => Failure::internal(error).into_response(),
        }
    }
}
