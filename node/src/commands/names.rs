//! From what a person writes to an id: the whole id, the unique beginning of one, or a device's name.

use crate::{
    client::{Client, Device, Thread, Who},
    failure::{Exit, Failure, Outcome},
    render::clean,
};

/// Digits of a whole id.
const WHOLE: usize = 64;
/// Digits of an id that are shown where it has to be told from others: finding a second one that begins so takes 2^63
/// tries.
const TELLING: usize = 16;
/// Devices or threads that are named where several fit.
const NAMED: usize = 5;

/// The id of a thread.
pub(super) async fn thread(client: &Client, written: &str) -> Outcome<String> {
    if is_whole(written) {
        return Ok(written.to_owned());
    }
    let threads: Vec<Thread> = client.get("/v1/threads").await?;
    let known = threads.into_iter().map(|thread| (thread.id, thread.title));
    choose("thread", written, known.collect(), "`frontdesk threads` lists them")
}

/// The id of a device of this business.
pub(super) async fn device(client: &Client, written: &str) -> Outcome<String> {
    if is_whole(written) {
        return Ok(written.to_owned());
    }
    choose("device", written, devices(client).await?, "`frontdesk devices` lists them")
}

/// The id of a device that is in a thread.
pub(super) async fn member(client: &Client, thread: &str, written: &str) -> Outcome<String> {
    if is_whole(written) {
        return Ok(written.to_owned());
    }
    let who: Who = client.get(&format!("/v1/threads/{thread}/who")).await?;
    let members = who.members.into_iter().map(|member| (member.device, member.name));
    choose("device", written, members.collect(), "`frontdesk who THREAD` lists those in a thread")
}

async fn devices(client: &Client) -> Outcome<Vec<(String, String)>> {
    let devices: Vec<Device> = client.get("/v1/devices").await?;
    Ok(devices
        .into_iter()
        .filter(|device| !device.removed)
        .map(|device| (device.device, device.name))
        .collect())
}

fn is_whole(written: &str) -> bool {
    written.len() == WHOLE && written.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The one that fits, by its name or by the beginning of its id. Names are chosen by who has them, so none goes before a
/// beginning: what is one device's name and another's beginning is taken for neither.
fn choose(kind: &str, written: &str, known: Vec<(String, String)>, advice: &str) -> Outcome<String> {
    let is_named = |name: &str| kind == "device" && name == written;
    let fits = |(id, name): &&(String, String)| is_named(name) || id.starts_with(written);
    let fitting: Vec<_> = known.iter().filter(|_| !written.is_empty()).filter(fits).collect();
    match fitting.as_slice() {
        [(id, _)] => Ok(id.clone()),
        [] => {
            Err(Failure::new(format!("no {kind} fits `{}`; {advice}", clean(written))).code("unknown-name"))
        }
        several => Err(ambiguous(kind, written, several)),
    }
}

fn ambiguous(kind: &str, written: &str, several: &[&(String, String)]) -> Failure {
    let digits = TELLING.max(written.len().saturating_add(1));
    let named = |(id, name): &&(String, String)| {
        format!("{} ({})", id.chars().take(digits).collect::<String>(), clean(name))
    };
    let several: Vec<String> = several.iter().take(NAMED).map(named).collect();
    Failure {
        exit: Exit::Failed,
        code: "ambiguous-name".into(),
        message: format!("`{}` fits more than one {kind}: {}", clean(written), several.join(", ")),
        next: Some("give more digits of the id".into()),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn known() -> Vec<(String, String)> {
        [("abc1", "Ana"), ("abc2", "Ben"), ("def3", "abc"), ("def4", "Ben")]
            .map(|(id, name)| (id.to_owned(), name.to_owned()))
            .to_vec()
    }

    fn chosen(written: &str) -> Result<String, String> {
        choose("device", written, known(), "look").map_err(|failure| failure.code)
    }

    #[test]
    fn a_name_or_a_unique_beginning_is_enough() {
        assert_eq!(chosen("Ana").unwrap(), "abc1");
        assert_eq!(chosen("abc2").unwrap(), "abc2");
        assert_eq!(chosen("def3").unwrap(), "def3");
    }

    #[test]
    fn a_name_that_is_the_beginning_of_anothers_id_means_neither() {
        let ana = "abc1f".to_owned() + &"0".repeat(59);
        let known = vec![(ana.clone(), "Ana".to_owned()), ("def3".repeat(16), "abc1".to_owned())];
        let failure = choose("device", "abc1", known.clone(), "look").unwrap_err();
        assert_eq!(failure.code, "ambiguous-name");
        assert_eq!(
            failure.message,
            "`abc1` fits more than one device: abc1f00000000000 (Ana), def3def3def3def3 (abc1)"
        );
        assert!(failure.next.unwrap().contains("more digits of the id"));
        assert_eq!(choose("device", "abc1f", known, "look").unwrap(), ana);
    }

    #[test]
    fn a_device_whose_name_is_the_beginning_of_its_own_id_is_one() {
        let known = vec![("abc1".to_owned(), "abc1".to_owned())];
        assert_eq!(choose("device", "abc1", known, "look").unwrap(), "abc1");
    }

    #[test]
    fn what_fits_nothing_or_several_is_refused() {
        assert_eq!(chosen("x").unwrap_err(), "unknown-name");
        assert_eq!(chosen("").unwrap_err(), "unknown-name");
        assert_eq!(chosen("ab").unwrap_err(), "ambiguous-name");
        assert_eq!(chosen("Ben").unwrap_err(), "ambiguous-name");
    }

    #[test]
    fn threads_have_no_names() {
        let failure = choose("thread", "Ana", known(), "look").unwrap_err();
        assert_eq!(failure.code, "unknown-name");
    }
}
