//! What the domain refuses, as public errors.

use otpost_shared::{
    admission::Refused,
    config::NoTaker,
    limits::Limited,
    message::{LONGEST_TITLE, batch::RowRefused},
    policy::NotChanged,
    verification::StepRefused,
};

use super::{ApiError, ErrorCode};

impl From<Refused> for ApiError {
    fn from(refused: Refused) -> Self {
        use ErrorCode as E;
        match refused {
            Refused::UnknownPurpose { known } => E::UnknownPurpose
                .detail(format!("there are: {}", known.join(", ")))
                .with("field", "purpose"),
            Refused::VariableMissing(name) => {
                E::VariableMissing.detail(format!("{name} is missing")).with("field", "variables")
            }
            Refused::VariableReserved(name) => {
                E::VariableReserved.detail(format!("{name} is reserved")).with("field", "variables")
            }
            Refused::NotInText(name) => {
                E::InvalidField.detail(format!("the text does not name {{{name}}}"))
            }
            Refused::TextLength { characters, most } => too_long("text", characters, most),
            Refused::TitleLength(characters) => too_long("title", characters, LONGEST_TITLE),
            Refused::CodeLength { expected } => {
                let said = format!("code must have {expected} digits for this purpose");
                Self::invalid("code", said)
            }
            Refused::OwnCode { purpose } => {
                let said = format!(
                    "verifications for {purpose:?} take no code of your own; leave code out, or set own_codes \
                     of that policy to true"
                );
                Self::invalid("code", said)
            }
            Refused::Step(StepRefused { place, field, said }) => {
                let field = format!("then[{place}].{field}");
                Self::invalid(&field, format!("{field} {said}"))
            }
            Refused::OfStep(refused) => Self::from(*refused).with("field", "then"),
            Refused::Channel(channel) => {
                let channel = channel.as_str();
                let said = format!(
                    "nothing is sent to this verification by {channel}: either it has no address \
                     for that, or no provider in chains.{channel}"
                );
                E::ChannelUnavailable.detail(said).with("field", "channel")
            }
            Refused::NoTaker(why) => no_taker(&why).with("field", "channel"),
            Refused::CountryNotAllowed { region } => country_not_allowed(region),
            Refused::CountryNotOfPurpose { region, purpose } => country_not_of(region, &purpose),
            Refused::Limited { scope, wait_ms } => Limited { scope, wait_ms }.into(),
            Refused::Suppressed => suppressed(),
            Refused::Busy { wait_ms } => E::LaneBusy.error().retry_after_ms(wait_ms),
            Refused::DailyCap { until, now } => E::DailyCapReached
                .error()
                .with("resets_at", otpost_shared::clock::rfc3339(until))
                .retry_at(until, now),
            Refused::KeyReused => E::IdempotencyKeyReused.error(),
            Refused::KeyInUse => E::IdempotencyInProgress.error().retry_after_ms(1_000),
            Refused::Unavailable(error) => error.into(),
        }
    }
}

impl From<Limited> for ApiError {
    fn from(Limited { scope, wait_ms }: Limited) -> Self {
        ErrorCode::RateLimited.error().with("limit", scope.as_str()).retry_after_ms(wait_ms)
    }
}

impl From<NotChanged> for ApiError {
    fn from(refused: NotChanged) -> Self {
        match refused {
            NotChanged::Mistake(mistake) => {
                let of_body = |field: &String| match field.as_str() {
                    "purpose" | "version" => field.clone(),
                    field => format!("changes.{field}"),
                };
                let fields: Vec<String> = mistake.all_fields().iter().map(of_body).collect();
                let first = fields.first().cloned().unwrap_or_default();
                let failed = ErrorCode::InvalidField.detail(mistake.to_string());
                failed.with("field", first).with("fields", fields)
            }
            NotChanged::Outdated { version } => {
                ErrorCode::PolicyChanged.error().with("version", version)
            }
            NotChanged::NothingOwn => ErrorCode::PolicyNotFound.error(),
            NotChanged::NoSuchVersion { version } => ErrorCode::PolicyNotFound
                .detail(format!("you have no version {version} of this policy")),
            NotChanged::Unavailable(error) => error.into(),
        }
    }
}

/// Something of a code's message, with its variables filled in.
fn too_long(what: &str, characters: usize, most: usize) -> ApiError {
    let said =
        format!("the {what} may have {most} characters, and with these variables has {characters}");
    ApiError::invalid("variables", said)
}

fn no_taker(why: &NoTaker) -> ApiError {
    ErrorCode::ChannelUnavailable.detail(why.to_string())
}

fn suppressed() -> ApiError {
    ErrorCode::RecipientSuppressed.error().with("field", "to")
}

fn country_not_allowed(region: Option<String>) -> ApiError {
    let (region, entry) = match region {
        Some(region) => (region.clone(), region),
        None => ("no country".to_owned(), "*".to_owned()),
    };
    let said = format!(
        "numbers of {region} are not allowed; to allow them, add {entry:?} to recipients.countries"
    );
    ErrorCode::CountryNotAllowed.detail(said).with("field", "to").with("country", region)
}

fn country_not_of(region: Option<String>, purpose: &str) -> ApiError {
    let region = region.unwrap_or_else(|| "no country".into());
    let said = format!(
        "verifications for {purpose:?} do not go to {region}; to open it, add it to countries of that policy"
    );
    ErrorCode::CountryNotAllowed
        .detail(said)
        .with("field", "to")
        .with("country", region)
        .with("purpose", purpose)
}

impl From<RowRefused> for ApiError {
    fn from(refused: RowRefused) -> Self {
        use ErrorCode as E;
        match refused {
            RowRefused::Malformed(said) => E::MalformedBody.detail(said),
            RowRefused::Field { name, said } => Self::invalid(&name, said),
            RowRefused::Recipient(error) => error.into(),
            RowRefused::NoTaker(why) => no_taker(&why),
            RowRefused::CountryNotAllowed { region } => country_not_allowed(region),
            RowRefused::VariableMissing(name) => Refused::VariableMissing(name).into(),
            RowRefused::VariableReserved(name) => Refused::VariableReserved(name).into(),
            RowRefused::TextLength(characters) => {
                Self::invalid("text", RowRefused::text_length(characters))
            }
            RowRefused::Suppressed => suppressed(),
            RowRefused::Duplicate => E::DuplicateRecipient.error(),
            RowRefused::DailyCap => E::DailyCapReached.error(),
            RowRefused::Changed => E::IdempotencyKeyReused
                .detail("another recipient or text stood in this place before"),
            RowRefused::Removed => E::IdempotencyKeyReused
                .detail("it was tried before, and what became of it has been removed"),
        }
    }
}
