//! What every client goes through, the people around it, and what has to be heard.

use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use discord_sim::{Answer, DaveGroup, Interruption, Settings, Sim, Utterance};

use crate::program::{Client, Running};

/// Long enough for a busy machine; nothing waits this long when all is well.
const PATIENCE: Duration = Duration::from_secs(30);

/// Two seconds of 440 Hz at half of full scale, each.
const SOUNDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/audio");

/// Starts a simulator and the client, and plays the people.
pub(crate) async fn play(client: Client) {
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("authority.pem");
    let settings = Settings {
        authority_path: Some(authority.clone()),
        acknowledge_within: PATIENCE,
        ..Settings::default()
    };
    let sim = Sim::start(settings).await.unwrap();
    let guild = sim.guilds()[0].clone();
    let stage = Stage {
        ada: sim.user_id("ada").unwrap(),
        ben: sim.user_id("ben").unwrap(),
        guild: guild.id,
        channel: guild.voice_channel.unwrap(),
        name: client.name,
        ogg_headers: client.ogg_headers,
        sim,
    };
    let started = Instant::now();
    let running = client.start(&environment(&stage.sim, &authority));
    stage.log_in(started).await;
    stage.join().await;
    stage.play("tone-opus.ogg", stage.reconnect(&running)).await;
    stage.play("tone.mp3", stage.visit()).await;
    stage.press_buttons(&running).await;
    stage.leave(&running).await;
    stage.log_out(running).await;
}

/// All that a client has to know to find the simulator instead of Discord.
fn environment(sim: &Sim, authority: &Path) -> [(&'static str, OsString); 6] {
    [
        ("DISCORD_SIM_URL", sim.api_url().into()),
        ("DISCORD_SIM_GATEWAY", sim.gateway_url().into()),
        ("DISCORD_TOKEN", sim.application().bot_token.into()),
        ("SSL_CERT_FILE", authority.into()),
        ("NODE_EXTRA_CA_CERTS", authority.into()),
        ("SOUNDS", SOUNDS.into()),
    ]
}

struct Stage {
    sim: Sim,
    name: &'static str,
    ogg_headers: usize,
    guild: u64,
    channel: u64,
    ada: u64,
    ben: u64,
}

impl Stage {
    /// The client logs in and registers its commands; one of them completes what is typed.
    async fn log_in(&self, started: Instant) {
        assert!(self.sim.wait_bot_ready(PATIENCE).await, "no login");
        self.measured("process start to login", started.elapsed());
        for command in ["join", "play", "panel", "leave"] {
            let registered = self.sim.wait_command(command, PATIENCE).await;
            assert!(registered, "/{command} is not registered");
        }
        let typed = self
            .sim
            .autocomplete(self.ada, self.guild, "play", "sound", "one.mp3");
        let choices = typed.await.unwrap();
        assert_eq!(choices.len(), 1, "{choices:?}");
        assert_eq!(choices[0].value, "tone.mp3");
    }

    /// It thinks, and joins the voice channel it sees its caller in.
    async fn join(&self) {
        let asked = Instant::now();
        let reply = self.sim.slash(self.ada, self.guild, "join", &[]);
        let reply = reply.await.unwrap();
        assert!(reply.deferred, "{reply:?}");
        assert_eq!(reply.content, "Joined Lounge");
        let joined = self
            .sim
            .wait_bot_in_voice(self.guild, Some(self.channel), PATIENCE);
        assert!(joined.await, "not in voice");
        self.measured("/join to voice connection", asked.elapsed());
        let encrypted = self.sim.wait_bot_encrypted(self.guild, PATIENCE).await;
        assert!(encrypted, "not in the DAVE group");
        self.measured("/join to end-to-end encryption", asked.elapsed());
    }

    /// It plays a file, and that is what is heard, whatever happens meanwhile.
    async fn play(&self, sound: &str, meanwhile: impl Future<Output = ()>) {
        self.sim.clear_heard(self.guild);
        let asked = Instant::now();
        let options = [("sound", sound)];
        let reply = self.sim.slash(self.ada, self.guild, "play", &options);
        assert_eq!(reply.await.unwrap().content, format!("Playing {sound}"));
        let (heard, ()) = tokio::join!(self.hear(sound), meanwhile);
        let first = heard.started_at().unwrap().duration_since(asked);
        self.measured(&format!("/play {sound} to first packet"), first);
        check(sound, &heard);
        let all = self.sim.heard(self.guild);
        assert_eq!(all.encrypted_frames, heard.frames.len() + self.ogg_headers);
        let lost = (
            all.decrypt_failures,
            all.unencrypted_frames,
            all.undecryptable_frames,
        );
        assert_eq!(lost, (0, 0, 0), "{sound}");
    }

    /// The gateway asks it to connect anew, and it resumes its session.
    async fn reconnect(&self, running: &Running) {
        let asked = self.sim.interrupt_gateway(None, Interruption::Reconnect);
        assert_eq!(asked, 1);
        let resumed = running.wait_line("resumed", PATIENCE).await;
        assert!(resumed, "not resumed");
        let still = self.sim.bot_voice_channel(self.guild);
        assert_eq!(still, Some(self.channel), "a session lost");
    }

    /// Somebody comes and goes: two epochs of the DAVE group.
    async fn visit(&self) {
        let (guild, ben) = (self.guild, self.ben);
        assert!(self.sim.wait_packets(guild, 20, PATIENCE).await);
        self.sim.join_voice(ben, guild, self.channel).unwrap();
        let grown = |group: &DaveGroup| group.members.contains(&ben) && group.is_settled;
        let grown = self.sim.wait_dave_group(guild, PATIENCE, grown).await;
        assert!(grown, "ben is not in the group");
        self.sim.leave_voice(ben, guild).unwrap();
        let shrunk = |group: &DaveGroup| !group.members.contains(&ben) && group.is_settled;
        let shrunk = self.sim.wait_dave_group(guild, PATIENCE, shrunk).await;
        assert!(shrunk, "ben is still in the group");
    }

    /// Waits for the end of the sound. What a client sends of a file's header is left out of it;
    /// on a busy machine there is a pause after that, and the sound is the second thing heard.
    async fn hear(&self, sound: &str) -> Utterance {
        let (mut n, mut headers) = (0, 0);
        loop {
            let heard = self.sim.wait_utterance(self.guild, n, PATIENCE).await;
            let mut heard = heard.expect("the sound to be heard to its end");
            let packets = heard.frames.len();
            heard.frames.retain(|frame| !is_header(&frame.opus));
            headers += packets - heard.frames.len();
            if !heard.frames.is_empty() {
                assert_eq!(headers, self.ogg_headers, "{sound}");
                return heard;
            }
            n += 1;
        }
    }

    /// It shows buttons; one opens a form in which a sound is chosen, one stops that.
    async fn press_buttons(&self, running: &Running) {
        self.sim.clear_heard(self.guild);
        let panel = self.sim.slash(self.ada, self.guild, "panel", &[]);
        let panel = panel.await.unwrap();
        assert_eq!(panel.content, "Here you are");
        self.shown(running, "panel shown").await;

        let form = self.sim.press(self.ada, panel.id, "choose").await;
        let Ok(Answer::Modal(form)) = form else {
            panic!("no form: {form:?}");
        };
        assert_eq!(form.title, "Which sound?");
        self.shown(running, "form shown").await;
        let values = [("sound", "tone.mp3")];
        let chosen = self.sim.submit_modal(&form, &values).await;
        let Ok(Answer::Reply(chosen)) = chosen else {
            panic!("no reply: {chosen:?}");
        };
        assert_eq!(chosen.content, "Playing tone.mp3");

        assert!(self.sim.wait_packets(self.guild, 20, PATIENCE).await);
        let stopped = self.sim.press(self.ada, panel.id, "stop").await;
        let Ok(Answer::Update(stopped)) = stopped else {
            panic!("no update: {stopped:?}");
        };
        assert_eq!((stopped.id, &*stopped.content), (panel.id, "Stopped"));
        let heard = self.sim.wait_utterance(self.guild, 0, PATIENCE).await;
        let heard = heard.expect("a sound").duration();
        assert!(heard < Duration::from_millis(1_900), "{heard:?}");
    }

    /// Waits until a client knows that what it shows is shown: discord.py remembers buttons and
    /// forms only then, and people are not quicker than that. A client told to end before would
    /// drop the connection on which it waits to be told so, and complain of it.
    async fn shown(&self, running: &Running, what: &str) {
        assert!(running.wait_line(what, PATIENCE).await, "not {what}");
    }

    async fn leave(&self, running: &Running) {
        let reply = self.sim.slash(self.ada, self.guild, "leave", &[]);
        assert_eq!(reply.await.unwrap().content, "Bye");
        self.shown(running, "farewell shown").await;
        let left = self.sim.wait_bot_out_of_voice(self.guild, PATIENCE).await;
        assert!(left, "still in voice");
    }

    /// It ends by itself, and neither it nor its library had anything to complain of.
    async fn log_out(&self, mut running: Running) {
        let status = running.end(PATIENCE).await.expect("the client to end");
        assert!(status.success(), "{status}");
        let problems = running.problems();
        assert!(problems.is_empty(), "{problems:#?}");
    }

    /// Shown by `--nocapture`.
    fn measured(&self, what: &str, took: Duration) {
        eprintln!("{}: {what}: {} ms", self.name, took.as_millis());
    }
}

/// Whether this is one of the two packets with which Opus in Ogg begins (RFC 7845).
fn is_header(packet: &[u8]) -> bool {
    packet.starts_with(b"OpusHead") || packet.starts_with(b"OpusTags")
}

/// Whether this is the tone of the files.
fn check(sound: &str, heard: &Utterance) {
    assert_eq!(heard.sequence_breaks(), 0, "{sound}");
    assert_eq!(heard.timestamp_breaks(), 0, "{sound}");
    // An MP3's encoder fills it up to whole frames at both ends.
    let length_ms = heard.duration().as_millis();
    assert!(
        (1960..=2120).contains(&length_ms),
        "{sound}: {length_ms} ms"
    );
    let audio = heard.audio();
    assert_eq!(audio.decode_errors, 0, "{sound}");
    let frequency = audio.frequency_hz().expect("a tone");
    assert!((frequency - 440.0).abs() < 1.0, "{sound}: {frequency} Hz");
    let level = audio.level_dbfs();
    assert!((level + 9.0).abs() < 1.0, "{sound}: {level} dBFS");
}
