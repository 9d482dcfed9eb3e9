//! From what a person writes to an id: the whole id, the unique beginning of one, or a device's name.

use crate::{
    client::{Client, Device, Thread, Who},
    failure::{Failure, Outcome},
    render::{clean, short},
};

/// Digits of a whole id.
const WHOLE: usize = 64;

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

/// The one that fits: by its name, else by the beginning of its id.
fn choose(kind: &str, written: &str, known: Vec<(String, String)>, advice: &str) -> Outcome<String> {
    let named: Vec<&(String, String)> =
        known.iter().filter(|(_, name)| kind == "device" && name == written).collect();
    let begun = || known.iter().filter(|(id, _)| !written.is_empty() && id.starts_with(written)).collect();
    let fitting: Vec<&(String, String)> = if named.is_empty() { begun() } else { named };
    match fitting.as_slice() {
        [(id, _)] => Ok(id.clone()),
        [] => {
            Err(Failure::new(format!("no {kind} fits `{}`; {advice}", clean(written))).code("unknown-name"))
        }
        several => {
            let several: Vec<String> =
                several.iter().take(5).map(|(id, name)| format!("{} ({})", short(id), clean(name))).collect();
            let text = format!(
                "`{}` fits more than one {kind}: {}; give more of the id",
                clean(written),
                several.join(", ")
            );
            Err(Failure::new(text).code("ambiguous-name"))
        }
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
    fn a_name_goes_before_a_beginning() {
        assert_eq!(chosen("abc").unwrap(), "def3");
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
