//! The words that mean stop, start and help: the English ones everywhere, others in the countries that
//! speak them. A word counts only when it is the whole message: "stop by at noon" is none.

/// What a message wishes of its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    Stop,
    Start,
    Help,
    /// Something that is not for us.
    Other,
}

impl Wish {
    /// The word used in the metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Start => "start",
            Self::Help => "help",
            Self::Other => "other",
        }
    }

    /// Reads a message from somebody whose number is of `region`.
    #[must_use]
    pub fn of(text: &str, region: Option<&str>) -> Self {
        let text = plain(text);
        let speaks = |words: &&Words| {
            words.regions.is_empty() || region.is_some_and(|region| words.regions.contains(&region))
        };
        let spoken = || WORDS.iter().filter(speaks);
        let any = |of: fn(&Words) -> &'static [&'static str]| {
            spoken().any(|words| of(words).contains(&text.as_str()))
        };
        if any(|words| words.stop) {
            Self::Stop
        } else if any(|words| words.start) {
            Self::Start
        } else if any(|words| words.help) {
            Self::Help
        } else {
            Self::Other
        }
    }
}

/// In small letters, without marks around it, and with one space between words.
fn plain(text: &str) -> String {
    let text = text.trim_matches(|c: char| !c.is_alphanumeric());
    // The Turkish capital I with a dot becomes a small i with another one.
    let lower = text.to_lowercase().replace('\u{307}', "");
    lower.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The words of one language, in small letters.
struct Words {
    /// ISO 3166-1 alpha-2; empty for everywhere.
    regions: &'static [&'static str],
    stop: &'static [&'static str],
    start: &'static [&'static str],
    help: &'static [&'static str],
}

/// The English words are those that the carriers of North America ask for.
const WORDS: &[Words] = &[
    Words {
        regions: &[],
        stop: &[
            "stop",
            "stopall",
            "stop all",
            "unsubscribe",
            "cancel",
            "end",
            "quit",
            "revoke",
            "optout",
            "opt out",
            "opt-out",
        ],
        start: &["start", "unstop", "yes"],
        help: &["help", "info"],
    },
    Words {
        regions: &["DE", "AT", "CH", "LI", "LU"],
        stop: &["stopp", "abmelden", "abbestellen", "austragen", "kündigen", "ende"],
        start: &["starten", "anmelden"],
        help: &["hilfe"],
    },
    Words {
        regions: &[
            "FR", "BE", "CH", "CA", "LU", "MC", "SN", "CI", "CM", "ML", "BF", "BJ", "TG", "GA",
            "CD", "CG", "MG", "GP", "MQ", "RE", "GF", "MA", "TN", "DZ",
        ],
        stop: &["arret", "arrêt", "arreter", "arrêter", "desabonner", "désabonner", "annuler"],
        start: &["debut", "début", "commencer", "reprendre"],
        help: &["aide"],
    },
    Words {
        regions: &[
            "ES", "MX", "AR", "CO", "CL", "PE", "VE", "EC", "GT", "CU", "BO", "DO", "HN", "PY",
            "SV", "NI", "CR", "PA", "UY", "PR", "GQ", "US",
        ],
        stop: &["alto", "parar", "pare", "baja", "cancelar", "detener", "salir"],
        start: &["inicio", "iniciar", "comenzar", "alta"],
        help: &["ayuda"],
    },
    Words {
        regions: &["PT", "BR", "AO", "MZ", "CV"],
        stop: &["parar", "pare", "sair", "cancelar", "remover"],
        start: &["iniciar", "começar", "comecar", "voltar"],
        help: &["ajuda"],
    },
    Words {
        regions: &["IT", "CH", "SM", "VA"],
        stop: &["ferma", "fermare", "basta", "annulla", "cancella", "disiscriviti"],
        start: &["inizia", "riprendi"],
        help: &["aiuto"],
    },
    Words {
        regions: &["NL", "BE", "SR"],
        stop: &["stoppen", "afmelden", "uitschrijven"],
        start: &["starten", "aanmelden"],
        help: &["hulp"],
    },
    Words {
        regions: &["SE", "NO", "DK", "FI"],
        stop: &["stopp", "avsluta", "avregistrera", "avmeld", "avslutt", "afmeld", "afslut"],
        start: &["starta"],
        help: &["hjälp", "hjelp", "hjælp"],
    },
    Words {
        regions: &["FI"],
        stop: &["lopeta", "peru", "peruuta"],
        start: &["aloita"],
        help: &["apua", "ohje"],
    },
    Words {
        regions: &["PL"],
        stop: &["rezygnuję", "rezygnuje", "wypisz", "koniec", "anuluj"],
        start: &["zapisz"],
        help: &["pomoc"],
    },
    Words {
        regions: &["CZ", "SK"],
        stop: &[
            "zrušit",
            "zrusit",
            "zrušiť",
            "odhlásit",
            "odhlasit",
            "odhlásiť",
            "konec",
            "koniec",
        ],
        start: &["přihlásit", "prihlasit", "prihlásiť"],
        help: &["pomoc"],
    },
    Words {
        regions: &["HU"],
        stop: &["leiratkozás", "leiratkozas", "leállít", "vége"],
        start: &["feliratkozás", "feliratkozas"],
        help: &["segítség", "segitseg"],
    },
    Words {
        regions: &["RO", "MD"],
        stop: &["dezabonare", "renunt", "renunț", "opreste", "oprește"],
        start: &["abonare"],
        help: &["ajutor"],
    },
    Words {
        regions: &["TR", "CY"],
        stop: &["dur", "iptal", "ret", "red"],
        start: &["başla", "basla"],
        help: &["yardım", "yardim"],
    },
    Words {
        regions: &["RU", "BY", "KZ", "KG", "UA"],
        stop: &["стоп", "отписаться", "отписка", "отмена", "відписатися", "скасувати"],
        start: &["старт", "начать", "почати"],
        help: &["помощь", "допомога"],
    },
    Words {
        regions: &["BG", "RS", "MK"],
        stop: &["стоп", "спри", "отказ"],
        start: &["старт"],
        help: &["помощ", "помоћ"],
    },
    Words {
        regions: &["GR", "CY"],
        stop: &["στοπ", "διακοπη", "διακοπή"],
        start: &["εναρξη", "έναρξη"],
        help: &["βοηθεια", "βοήθεια"],
    },
    Words {
        regions: &["IL"],
        stop: &["הסר", "הסרה", "עצור", "די"],
        start: &["התחל"],
        help: &["עזרה"],
    },
    Words {
        regions: &[
            "SA", "AE", "EG", "QA", "KW", "BH", "OM", "JO", "LB", "IQ", "MA", "DZ", "TN", "LY",
            "YE", "SD", "PS", "IL",
        ],
        stop: &["توقف", "إيقاف", "ايقاف", "إلغاء", "الغاء"],
        start: &["ابدأ", "ابدا", "اشتراك"],
        help: &["مساعدة"],
    },
    Words {
        regions: &["IN", "NP"], stop: &["रोकें", "रोको", "बंद"], start: &["शुरू"], help: &["मदद"]
    },
    Words {
        regions: &["ID", "MY", "BN", "SG"],
        stop: &["berhenti", "henti", "batal"],
        start: &["mulai", "mula"],
        help: &["bantuan"],
    },
    Words {
        regions: &["VN"],
        stop: &["dừng", "dung", "hủy", "huy"],
        start: &["bắt đầu", "bat dau"],
        help: &["trợ giúp", "tro giup"],
    },
    Words {
        regions: &["TH"], stop: &["หยุด", "ยกเลิก"], start: &["เริ่ม"], help: &["ช่วยเหลือ"]
    },
    Words {
        regions: &["JP"],
        stop: &["停止", "解除", "配信停止", "ストップ"],
        start: &["開始", "再開"],
        help: &["ヘルプ"],
    },
    Words {
        regions: &["KR"],
        stop: &["중지", "수신거부", "거부"],
        start: &["시작"],
        help: &["도움말"],
    },
    Words {
        regions: &["CN", "TW", "HK", "MO", "SG"],
        stop: &["t", "td", "退订", "退訂", "停止", "取消", "取消订阅", "取消訂閱"],
        start: &["订阅", "訂閱", "开始", "開始"],
        help: &["帮助", "幫助"],
    },
];

#[cfg(test)]
mod tests {
    use super::{WORDS, Wish, plain};

    #[test]
    fn the_whole_message_is_the_word() {
        let of = |text: &str, region: &str| Wish::of(text, Some(region));
        for text in ["STOP", " stop. ", "\"Stop\"", "Stop  all", "UNSUBSCRIBE!", "\u{feff}STOP"] {
            assert_eq!(of(text, "US"), Wish::Stop, "{text:?}");
        }
        for text in ["", "stop by at noon", "don't stop", "st op", "1234", "👍"] {
            assert_eq!(of(text, "US"), Wish::Other, "{text:?}");
        }
        assert_eq!((of("Start", "DE"), of("HELP", "DE")), (Wish::Start, Wish::Help));
        assert_eq!(Wish::of("stop", None), Wish::Stop);
    }

    #[test]
    fn a_word_counts_where_it_is_spoken() {
        for (text, region, wish) in [
            ("Abmelden", "AT", Wish::Stop),
            ("abmelden", "BR", Wish::Other),
            ("ARRÊT", "CA", Wish::Stop),
            ("Baja", "MX", Wish::Stop),
            ("baja", "DE", Wish::Other),
            ("SAIR", "BR", Wish::Stop),
            ("СТОП", "RU", Wish::Stop),
            ("İPTAL", "TR", Wish::Stop),
            ("退订", "CN", Wish::Stop),
            ("配信停止", "JP", Wish::Stop),
            ("ayuda", "US", Wish::Help),
            ("începe", "RO", Wish::Other),
        ] {
            assert_eq!(Wish::of(text, Some(region)), wish, "{text} in {region}");
        }
    }

    #[test]
    fn every_word_is_as_messages_are_read() {
        for words in WORDS {
            for word in [words.stop, words.start, words.help].concat() {
                assert_eq!(plain(word), word);
            }
            // None means two things in one country.
            assert!(!words.stop.iter().any(|word| words.start.contains(word)));
        }
    }
}
