//! `POST /v1/templates/preview`: a text as somebody would get it, before it is saved or sent.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use otpost_shared::{
    api_key::Scope,
    config::Texts,
    policy::DEFAULT_PURPOSE,
    price::Charge,
    texts::{self, Draft, Place, Preview, Question},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    App,
    auth::Caller,
    body::JsonBody,
    error::{ApiError, Problem},
    routes::timeline::PriceView,
};

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewTemplate {
    /// `default` if left out.
    #[serde(default)]
    purpose: Option<String>,
    /// `sms`, `email` or `voice`; `sms` if left out.
    #[serde(default)]
    #[schema(example = "sms")]
    channel: Option<String>,
    /// `texts.language` if left out.
    #[serde(default)]
    #[schema(example = "pt-BR")]
    locale: Option<String>,
    /// Words to try out; without them you see those that would be sent.
    #[serde(default)]
    text: Option<String>,
    /// Of an e-mail, together with `text`.
    #[serde(default)]
    title: Option<String>,
    /// Values, as a request for a verification has them.
    #[serde(default)]
    variables: BTreeMap<String, String>,
    /// The country of a number (ISO 3166-1 alpha-2), for what it costs and in which language is called.
    #[serde(default)]
    #[schema(example = "BR")]
    country: Option<String>,
}

impl PreviewTemplate {
    fn read(self, tenant_id: Uuid, config: &Texts) -> Result<Question, ApiError> {
        let place = Place::read(
            self.purpose.as_deref().unwrap_or(DEFAULT_PURPOSE),
            self.channel.as_deref().unwrap_or("sms"),
            self.locale.as_deref(),
            config,
        )?;
        if self.text.is_none() && self.title.is_some() {
            return Err(ApiError::invalid("title", "title is tried out together with text"));
        }
        let variables: Vec<String> = self.variables.keys().cloned().collect();
        let title = self.title;
        Ok(Question {
            tenant_id,
            place,
            draft: self.text.map(|text| Draft { title, text, variables }),
            variables: self.variables,
            country: self.country,
        })
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct PreviewedTemplate {
    /// In which it is; of a call the name of the voice.
    language: String,
    /// Whose words they are: `tenant`, `everyone`, `file` or `built_in`; left out for words to try out.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// With a code that is none.
    text: String,
    characters: usize,
    /// Of an SMS: `GSM-7` or `UCS-2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    encoding: Option<&'static str>,
    /// Of an SMS: how many it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    segments: Option<usize>,
    /// What it costs at the providers of the chain that have a price for the country.
    costs: Vec<PreviewedCost>,
    /// What may not work.
    notes: Vec<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct PreviewedCost {
    provider: String,
    price: PriceView,
}

/// Shows a text as somebody would get it, with its segments and what it costs; sends nothing.
#[utoipa::path(
    post, path = "/v1/templates/preview", tag = "templates", operation_id = "preview_template",
    security(("api_key" = [])), request_body = PreviewTemplate,
    responses(
        (status = 200, description = "What it becomes.", body = PreviewedTemplate),
        (status = "4XX", description = "Refused, with a code that says why.", body = Problem),
    ),
)]
pub async fn preview(
    State(app): State<App>,
    caller: Caller,
    body: JsonBody<PreviewTemplate>,
) -> Result<Json<PreviewedTemplate>, ApiError> {
    caller.require(Scope::Manage)?;
    let home = &app.home;
    let question = body.value.read(caller.tenant_id, &home.config.texts)?;
    let settings = home.settings.now(&home.db, home.clock.now()).await?;
    Ok(Json(texts::preview(&home.config, &settings, &question)?.into()))
}

impl From<Preview> for PreviewedTemplate {
    fn from(preview: Preview) -> Self {
        let costs = preview.prices.into_iter().map(|(provider, price)| PreviewedCost {
            provider,
            price: Charge { price, is_estimated: true }.into(),
        });
        Self {
            language: preview.language,
            source: preview.source.map(texts::Source::as_str),
            title: preview.title,
            text: preview.text,
            characters: preview.characters,
            encoding: preview.segments.map(|segments| segments.encoding.as_str()),
            segments: preview.segments.map(|segments| segments.count),
            costs: costs.collect(),
            notes: preview.notes,
        }
    }
}
