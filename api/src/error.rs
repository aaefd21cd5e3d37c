//! Every public error: its stable code, its status, and the sentence that says what to do.
//!
//! Handlers return [`ApiError`]; its cause, if any, goes to the log and never outward.

mod refused;

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use otpost_shared::{
    clock::Millis, db::DbError, mistake::Mistake, recipient::RecipientError, secrets::SecretError,
    texts::NotSaved,
};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::put_off::{PUT_OFF_MS, is_put_off, retry_after_secs};

macro_rules! error_codes {
    ($($name:ident $code:literal $status:ident $title:literal)*) => {
        /// The public error codes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ErrorCode { $($name,)* }

        impl ErrorCode {
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            #[must_use]
            pub fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status,)* }
            }

            /// The sentence, the same for every occurrence.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)* }
            }
        }
    };
}

error_codes! {
    MalformedBody "malformed_body" BAD_REQUEST "The body is not valid JSON."
    Unauthorized "unauthorized" UNAUTHORIZED "Send a valid API key as `Authorization: Bearer KEY`; `otpost key create` makes one."
    ReportNotGenuine "report_not_genuine" UNAUTHORIZED "This is no report of that provider that we asked for."
    ScopeMissing "scope_missing" FORBIDDEN "This API key may not do this; create one with the scope that is named."
    PageDisabled "page_disabled" FORBIDDEN "There is no hosted page here; set `page.enabled` in the configuration."
    CountryNotAllowed "country_not_allowed" FORBIDDEN "This country is not allowed; add it to `recipients.countries` in the configuration, or to the policy that is named."
    RecipientSuppressed "recipient_suppressed" FORBIDDEN "This recipient is not to be sent to; see GET /v1/suppressions?to= for who said so."
    SandboxOnly "sandbox_only" FORBIDDEN "Only sandbox tenants have an inbox: what this one sends goes to people. `otpost tenant create NAME --sandbox` makes one."
    RouteNotFound "route_not_found" NOT_FOUND "There is nothing at this address; see /docs for what there is."
    VerificationNotFound "verification_not_found" NOT_FOUND "There is no such verification."
    BatchNotFound "batch_not_found" NOT_FOUND "There is no such batch."
    PageNotFound "page_not_found" NOT_FOUND "This is no link to a page, or was cut short."
    MessageNotFound "message_not_found" NOT_FOUND "There is no such message."
    PolicyNotFound "policy_not_found" NOT_FOUND "There is no such purpose or version, or nothing of your own to take back."
    SuppressionNotFound "suppression_not_found" NOT_FOUND "There is no such suppression."
    TemplateNotFound "template_not_found" NOT_FOUND "There is no text of yours in this place; see GET /v1/templates."
    WebhookNotFound "webhook_not_found" NOT_FOUND "There is no such endpoint; see GET /v1/webhooks."
    DeliveryNotFound "delivery_not_found" NOT_FOUND "There is no such delivery to this endpoint, or what became of it has been removed."
    MethodNotAllowed "method_not_allowed" METHOD_NOT_ALLOWED "This address does not take this method; see /docs."
    RequestTimeout "request_timeout" REQUEST_TIMEOUT "The request took too long to arrive; send it again."
    SuppressionOfRecipient "suppression_of_recipient" CONFLICT "The recipient or a provider said so, and no tenant takes that back: it ends when the recipient sends START, or with `otpost suppression remove`."
    PolicyChanged "policy_changed" CONFLICT "Another change of this policy came between; read it again and repeat with its version."
    TooManyWebhooks "too_many_webhooks" CONFLICT "You have as many endpoints as you may have; remove one, or raise `webhooks.most_per_tenant`."
    AlreadyVerified "already_verified" CONFLICT "This verification has succeeded before; a code counts once."
    WorkUsed "work_used" CONFLICT "This challenge was used for another request; take a new one."
    IdempotencyInProgress "idempotency_in_progress" CONFLICT "The first request with this Idempotency-Key is still being handled; repeat it in a moment."
    ReceiptAlreadyConsumed "receipt_already_consumed" CONFLICT "This receipt was used before; a receipt counts once."
    VerificationExpired "verification_expired" GONE "The time of this verification is over; create a new one."
    VerificationCanceled "verification_canceled" GONE "This verification was canceled; create a new one."
    VerificationFailed "verification_failed" GONE "The code could not be delivered; check the number or address and create a new verification."
    PageExpired "page_expired" GONE "The time of this link is over; the application makes a new one."
    PageUsed "page_used" GONE "Somebody was verified with this link before; a link counts once."
    ReceiptExpired "receipt_expired" GONE "A receipt counts for ten minutes; verify again."
    BodyTooLarge "body_too_large" PAYLOAD_TOO_LARGE "The body is larger than this address takes: 64 KiB, of a batch in JSON 8 MiB, of providers that gather reports 3 MiB."
    BatchTooLarge "batch_too_large" PAYLOAD_TOO_LARGE "A batch has at most a million recipients; send the others as another batch."
    MediaTypeUnsupported "media_type_unsupported" UNSUPPORTED_MEDIA_TYPE "Send JSON with `Content-Type: application/json`."
    InvalidField "invalid_field" UNPROCESSABLE_ENTITY "A field is missing, unknown or of the wrong form."
    RecipientInvalid "recipient_invalid" UNPROCESSABLE_ENTITY "`to` is nothing that can be sent to by this channel."
    ChannelUnavailable "channel_unavailable" UNPROCESSABLE_ENTITY "Nothing is sent by this channel here; use one that is, or add a chain for it to the configuration."
    UnknownPurpose "unknown_purpose" UNPROCESSABLE_ENTITY "There is no such purpose; make one with PUT /v1/policies/NAME, or use one that exists."
    DuplicateRecipient "duplicate_recipient" UNPROCESSABLE_ENTITY "This batch has this recipient already; the first one counts."
    VariableMissing "variable_missing" UNPROCESSABLE_ENTITY "The text needs a variable that was not sent."
    VariableReserved "variable_reserved" UNPROCESSABLE_ENTITY "`code`, `app` and `minutes` are filled in by the service."
    WorkMissing "work_missing" UNPROCESSABLE_ENTITY "Send a challenge of this link, and a nonce with which its hash begins with enough zero bits."
    WorkNotValid "work_not_valid" UNPROCESSABLE_ENTITY "This challenge and nonce do not count; take a new challenge."
    CodeMalformed "code_malformed" UNPROCESSABLE_ENTITY "A code consists of digits; nothing was charged for this."
    CodeIncorrect "code_incorrect" UNPROCESSABLE_ENTITY "The code is not right."
    IdempotencyKeyInvalid "idempotency_key_invalid" UNPROCESSABLE_ENTITY "An Idempotency-Key has 1 to 255 visible ASCII characters."
    IdempotencyKeyReused "idempotency_key_reused" UNPROCESSABLE_ENTITY "This Idempotency-Key was used for another request; take a new one."
    ReceiptNotValid "receipt_not_valid" UNPROCESSABLE_ENTITY "This is no receipt of yours for this purpose and subject."
    ReceiptOfTestNumber "receipt_of_test_number" UNPROCESSABLE_ENTITY "This receipt is of a test number; send `allow_test` where that is meant."
    VerificationLocked "verification_locked" LOCKED "All guesses of this verification are used; create a new one."
    RateLimited "rate_limited" TOO_MANY_REQUESTS "Too many requests; wait as long as Retry-After says."
    ResendTooEarly "resend_too_early" TOO_MANY_REQUESTS "The code was sent a moment ago; wait as long as Retry-After says."
    GuessBudgetSpent "guess_budget_spent" TOO_MANY_REQUESTS "There were too many wrong guesses for this recipient today."
    DailyCapReached "daily_cap_reached" TOO_MANY_REQUESTS "The sends of the day are used up; see `limits.sends_per_tenant_and_day`."
    Internal "internal" INTERNAL_SERVER_ERROR "Something went wrong inside; the log says what."
    Unavailable "unavailable" SERVICE_UNAVAILABLE "The database does not answer in time. Repeat with the same Idempotency-Key: it is done at most once."
    BatchesBusy "batches_busy" SERVICE_UNAVAILABLE "Other batches are being read; repeat as Retry-After says."
    CallsBusy "calls_busy" SERVICE_UNAVAILABLE "Other large calls of providers are being taken; bring this one again as Retry-After says."
    CertificateUnavailable "certificate_unavailable" SERVICE_UNAVAILABLE "What this is signed with, or its confirmation, is not to be had from AWS for now; send it again."
    WatchesBusy "watches_busy" SERVICE_UNAVAILABLE "Too many verifications are being watched; come again as Retry-After says, or ask GET /v1/verifications/ID."
    LaneBusy "lane_busy" SERVICE_UNAVAILABLE "More codes are waiting than can be sent in time; repeat as Retry-After says."
}

/// A problem document of RFC 9457, with a stable `code`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// `urn:otpost:error:` and the code.
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    /// Stable; program against this.
    code: &'static str,
    /// What is wrong in this request.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// `field`, `guesses_left`, `limit` and the like, where they apply.
    #[serde(flatten)]
    #[schema(additional_properties)]
    extra: Map<String, Value>,
}

impl ErrorCode {
    #[must_use]
    pub fn error(self) -> ApiError {
        ApiError { code: self, detail: None, retry_after_secs: None, extra: Map::new() }
    }

    #[must_use]
    pub fn detail(self, detail: impl Into<String>) -> ApiError {
        ApiError { detail: Some(detail.into()), ..self.error() }
    }
}

/// An error on its way out.
#[derive(Debug)]
pub struct ApiError {
    code: ErrorCode,
    detail: Option<String>,
    retry_after_secs: Option<i64>,
    extra: Map<String, Value>,
}

impl ApiError {
    /// A field or a parameter that is of the wrong form.
    #[must_use]
    pub fn invalid(name: &str, said: impl Into<String>) -> Self {
        ErrorCode::InvalidField.detail(said).with("field", name)
    }

    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The sentence about this occurrence, or else the one about all.
    #[must_use]
    pub fn said(&self) -> &str {
        self.detail.as_deref().unwrap_or(self.code.title())
    }

    /// The field it is about.
    #[must_use]
    pub fn field(&self) -> Option<&str> {
        self.extra.get("field")?.as_str()
    }

    /// A number or text that stands beside it.
    #[must_use]
    pub fn extra(&self, name: &str) -> Option<&Value> {
        self.extra.get(name)
    }

    /// How long to wait before a repeat.
    #[must_use]
    pub fn wait_secs(&self) -> Option<i64> {
        self.retry_after_secs
    }

    /// Without what is said to those who have the configuration.
    #[must_use]
    pub fn for_strangers(self) -> Self {
        Self { detail: None, ..self }
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extra.insert(name.to_owned(), value.into());
        self
    }

    /// Rounded up to whole seconds, at least one.
    #[must_use]
    pub fn retry_after_ms(mut self, wait_ms: i64) -> Self {
        self.retry_after_secs = Some(retry_after_secs(wait_ms));
        self
    }

    #[must_use]
    pub fn retry_at(self, at: Millis, now: Millis) -> Self {
        self.retry_after_ms(at - now)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.code.status();
        let problem = Problem {
            kind: format!("urn:otpost:error:{}", self.code.as_str()),
            title: self.code.title(),
            status: status.as_u16(),
            code: self.code.as_str(),
            detail: self.detail,
            extra: self.extra,
        };
        let mut response = (status, axum::Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(secs) = self.retry_after_secs {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<DbError> for ApiError {
    fn from(error: DbError) -> Self {
        if is_put_off(&error) {
            ErrorCode::Unavailable.error().retry_after_ms(PUT_OFF_MS)
        } else {
            ErrorCode::Internal.error()
        }
    }
}

impl From<SecretError> for ApiError {
    fn from(error: SecretError) -> Self {
        DbError::from(error).into()
    }
}

impl From<RecipientError> for ApiError {
    fn from(error: RecipientError) -> Self {
        ErrorCode::RecipientInvalid.detail(error.to_string()).with("field", "to")
    }
}

impl From<Mistake> for ApiError {
    fn from(mistake: Mistake) -> Self {
        Self::invalid(mistake.field(), mistake.to_string())
    }
}

impl From<NotSaved> for ApiError {
    fn from(error: NotSaved) -> Self {
        match error {
            NotSaved::Mistake(mistake) => mistake.into(),
            NotSaved::Unavailable(error) => error.into(),
        }
    }
}
