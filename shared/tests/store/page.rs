//! The configuration of the hosted page.

use otpost_shared::config;

use crate::configuration::mistake;

#[test]
fn the_page_is_whole() {
    let on = |more: &str| {
        format!("[page]\nenabled = true\nreturn_urls = [\"https://app.example.org\"]\n{more}")
    };
    for (more, said) in [
        (
            "embed_origins = [\"https://a.example/x\"]\n",
            "page.embed_origins: \"https://a.example/x\" is no origin",
        ),
        ("embed_origins = [\"*\"]\n", "page.embed_origins: \"*\" is no origin"),
        (
            "link_lifetime_secs = 10\n",
            "DIR/otpost.toml:4: page.link_lifetime_secs: must be 60 to 3600",
        ),
        ("work_bits = 25\n", "page.work_bits: must be 0 to 24"),
        ("sends_per_link = []\n", "page.sends_per_link: must hold a limit"),
        ("wrong_per_client = []\n", "page.wrong_per_client: must hold a limit"),
        ("wrong_per_clients = []\n", "did you mean \"page.wrong_per_client\"?"),
        ("[limits]\nclient_ip = []\n", "page.enabled: needs limits.client_ip"),
        ("[server]\nlisten = \"0.0.0.0:8080\"\n", "page.enabled: needs server.public_url"),
    ] {
        let message = mistake(&on(more));
        assert!(message.contains(said), "{message}");
    }
    for (text, said) in [
        ("[page]\nenabled = true\n", "page.return_urls: must name where people are sent back to"),
        (
            "[page]\nreturn_urls = [\"javascript:x\"]\n",
            "\"javascript:x\" is no address to return to",
        ),
    ] {
        let message = mistake(text);
        assert!(message.contains(said), "{message}");
    }
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("otpost.toml");
    std::fs::write(&path, on("embed_origins = [\"http://localhost:3000\"]\n")).expect("written");
    let page = config::load(Some(&path)).expect("good").page;
    assert!(page.may_embed("http://localhost:3000") && !page.may_embed("http://localhost:3001"));
}
