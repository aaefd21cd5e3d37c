//! Mistakes in what a configuration says of how a gateway is heard.

use otpost_shared::config;

use super::configuration::mistake;

#[test]
fn how_a_gateway_is_heard_is_checked_also_where_nothing_is_sent() {
    let gateway = |more: &str| {
        format!(
            "[recipients]\ncountries = [\"*\"]\n[chains]\nsms = [\"a\"]\n[providers.a]\n\
             kind = \"http\"\nurl = \"https://gateway.example/?p={{to}}&t={{text}}\"\n{more}\n"
        )
    };
    let report = "[providers.a.report]\nstatus = \"/s\"\ndelivered = [\"1\"]";
    let inbound = "[providers.a.inbound]\nfrom = \"/from\"\ntext = \"/text\"";
    for (name, section) in [("report", report), ("inbound", inbound)] {
        for (old, new) in [
            ("signature_header", "header"),
            ("secret", "secret"),
            ("signature_algorithm", "algorithm"),
            ("signature_encoding", "encoding"),
        ] {
            assert_eq!(
                mistake(&gateway(&format!("{section}\n{old} = \"hush\""))),
                format!(
                    "DIR/otpost.toml:11: providers.a.{name}.{old}: is signature.{new} now: write \
                     {new} in [providers.a.{name}.signature]"
                )
            );
        }
        let unknown = mistake(&gateway(&format!("{section}\ncolour = \"hush\"")));
        assert!(unknown.contains(&format!("providers.a.{name}.colour: there is no")), "{unknown}");
        let wrong = mistake(&gateway(&format!("{name} = \"hush\"")));
        assert!(wrong.contains(&format!("providers.a.{name}: must be a section")), "{wrong}");
        let good = format!("{section}\nsignature = {{ header = \"X\", secret = \"hush\" }}");
        let empty = mistake(&gateway(&good.replace("hush", "")));
        let said = format!("providers.a.{name}.signature.secret: must not be empty");
        assert!(empty.contains(&said), "{empty}");
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("otpost.toml");
        std::fs::write(&path, gateway(&good)).expect("written");
        assert!(config::load(Some(&path)).is_ok(), "{good}");
    }
}
