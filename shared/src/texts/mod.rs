//! What people read and hear: in which language, in whose words, and how that is changed.
//!
//! | module | what lives there |
//! |---|---|
//! | [`locale`], [`asked`] | languages, those that somebody asks for, and which of those there are serves them |
//! | [`sentences`] | a file of one language |
//! | [`built_in`] | the sentences that each language has |
//! | [`wording`] | the look-up: for each language in turn the tenant's words, those of all, the file's, the built-in ones |
//! | [`check`] | what a text must be before it is saved |
//! | [`rows`] | texts of one's own in their versions |
//! | [`ending`] | the lines under an SMS that programs read |
//! | [`preview`] | a text as somebody would get it |

mod asked;
mod built_in;
mod check;
mod ending;
mod locale;
mod preview;
mod rows;
mod sentences;
mod wording;

pub use self::{
    asked::Asked,
    built_in::built_in,
    check::{Draft, MOST_VARIABLES, Place},
    ending::{LONGEST_FOR_APP, ending, is_app_hash, with_ending},
    locale::{LONGEST_LOCALE, Locale},
    preview::{Preview, Question, preview},
    rows::{
        MOST_TEMPLATES, MOST_VERSIONS, NotSaved, Rows, StoredTemplate, delete, language_of, list,
        save, set_language, versions,
    },
    sentences::Sentences,
    wording::{Need, Source, Texts, Wording},
};
pub(crate) use self::{
    built_in::{is_spoken, longest_title},
    ending::is_host,
    rows::list_current,
};
pub use crate::settings::Owner;
