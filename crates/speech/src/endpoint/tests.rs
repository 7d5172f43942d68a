use super::*;

/// Scores a frame by its first sample, so a test writes scores as sound.
struct ByLoudness;

impl VoiceDetector for ByLoudness {
    fn score(&mut self, frame: &[f32; FRAME]) -> f32 {
        frame[0].abs()
    }

    fn reset(&mut self) {}
}

/// Sound of `ms` milliseconds (a multiple of 16) with the given score.
fn sound(parts: &[(u64, f32)]) -> Vec<f32> {
    parts
        .iter()
        .flat_map(|&(ms, score)| vec![score; samples_of(ms) as usize])
        .collect()
}

fn endpointer(config: EndpointConfig) -> Endpointer<ByLoudness> {
    Endpointer::new(config, ByLoudness, 0)
}

fn cues(config: EndpointConfig, parts: &[(u64, f32)]) -> Vec<Cue> {
    let mut endpointer = endpointer(config);
    let mut cues = Vec::new();
    for chunk in sound(parts).chunks(320) {
        endpointer.push(chunk, &mut cues);
    }
    cues
}

fn short(cues: &[Cue]) -> Vec<String> {
    cues.iter()
        .map(|cue| match cue {
            Cue::Started { id, voice_ms } => format!("start {id} {voice_ms}"),
            Cue::Interim(u) => format!("interim {} {}-{}", u.id, u.start_ms, u.end_ms),
            Cue::Pausing(u) => format!("pausing {} {}-{}", u.id, u.start_ms, u.end_ms),
            Cue::Resumed { id } => format!("resumed {id}"),
            Cue::Ended {
                utterance: u,
                was_pausing,
            } => {
                format!(
                    "end {} {}-{} pausing:{was_pausing}",
                    u.id, u.start_ms, u.end_ms
                )
            }
        })
        .collect()
}

/// The defaults without credit for quiet, which keeps the sums below easy.
fn config() -> EndpointConfig {
    EndpointConfig {
        quiet_credit_ms: 0,
        ..EndpointConfig::default()
    }
}

fn finals() -> EndpointConfig {
    config().finals_only()
}

#[test]
fn the_defaults_break_no_rule_and_broken_rules_are_all_named() {
    assert!(EndpointConfig::default().problems().is_empty());
    let broken = EndpointConfig {
        end_score: 0.9,
        speculative_ms: Some(10),
        utterance_ms_max: 60_000,
        ..EndpointConfig::default()
    };
    assert_eq!(broken.problems().len(), 3);
}

#[test]
fn an_utterance_has_its_pre_roll_and_ends_a_little_after_the_last_voice() {
    let cues = cues(finals(), &[(800, 0.0), (1_600, 0.9), (800, 0.0)]);
    assert_eq!(
        short(&cues),
        ["start 1 800", "end 1 400-2550 pausing:false"]
    );
    let Cue::Ended { utterance, .. } = &cues[1] else {
        panic!()
    };
    assert_eq!(utterance.samples.len() as u64, samples_of(2_150));
    assert_eq!(utterance.voiced, [(800, 2_400)]);
}

#[test]
fn three_loud_frames_do_not_open_an_utterance_and_four_do() {
    assert!(cues(finals(), &[(160, 0.0), (48, 0.9), (800, 0.0)]).is_empty());
    assert_eq!(
        cues(finals(), &[(160, 0.0), (64, 0.9), (800, 0.0)]).len(),
        2
    );
}

#[test]
fn the_start_score_can_be_raised() {
    let config = EndpointConfig {
        start_score: 0.7,
        ..finals()
    };
    assert!(cues(config, &[(160, 0.0), (640, 0.6), (800, 0.0)]).is_empty());
}

#[test]
fn a_pause_shorter_than_the_end_silence_stays_inside() {
    let cues = cues(finals(), &[(320, 0.9), (480, 0.0), (320, 0.9), (800, 0.0)]);
    assert_eq!(short(&cues), ["start 1 0", "end 1 0-1270 pausing:false"]);
    let Cue::Ended { utterance, .. } = &cues[1] else {
        panic!()
    };
    assert_eq!(utterance.voiced, [(0, 320), (800, 1_120)]);
    assert_eq!(utterance.voiced_ms(), 640);
}

#[test]
fn a_weak_voice_keeps_an_utterance_open_but_does_not_open_one() {
    let weak = cues(finals(), &[(320, 0.9), (1_600, 0.4), (800, 0.0)]);
    assert_eq!(short(&weak), ["start 1 0", "end 1 0-2070 pausing:false"]);
    assert!(cues(finals(), &[(1_600, 0.4)]).is_empty());
}

#[test]
fn interim_words_are_asked_for_half_a_second_after_the_voice_and_every_700_ms() {
    let config = EndpointConfig {
        speculative_ms: None,
        ..config()
    };
    let cues = cues(config, &[(800, 0.0), (2_400, 0.9), (800, 0.0)]);
    assert_eq!(
        short(&cues),
        [
            "start 1 800",
            "interim 1 400-1312",
            "interim 1 400-2016",
            "interim 1 400-2720",
            "interim 1 400-3350",
            "end 1 400-3350 pausing:false"
        ]
    );
}

#[test]
fn no_interim_words_are_asked_for_when_nothing_was_said_since() {
    let config = EndpointConfig {
        speculative_ms: None,
        end_silence_ms: 3_000,
        ..config()
    };
    let cues = cues(config, &[(512, 0.9), (2_800, 0.0)]);
    assert_eq!(
        cues.iter().filter(|c| matches!(c, Cue::Interim(_))).count(),
        1
    );
}

#[test]
fn a_pause_is_offered_early_and_is_the_very_utterance_that_ends() {
    let config = EndpointConfig {
        first_partial_ms: None,
        ..config()
    };
    let cues = cues(config, &[(800, 0.9), (800, 0.0)]);
    assert_eq!(
        short(&cues),
        ["start 1 0", "pausing 1 0-950", "end 1 0-950 pausing:true"]
    );
    let (Cue::Pausing(early), Cue::Ended { utterance, .. }) = (&cues[1], &cues[2]) else {
        panic!()
    };
    assert_eq!(early, utterance);
}

#[test]
fn speech_that_goes_on_takes_the_early_offer_back() {
    let config = EndpointConfig {
        first_partial_ms: None,
        ..config()
    };
    let cues = cues(config, &[(800, 0.9), (400, 0.0), (400, 0.9), (800, 0.0)]);
    assert_eq!(
        short(&cues),
        [
            "start 1 0",
            "pausing 1 0-950",
            "resumed 1",
            "pausing 1 0-1750",
            "end 1 0-1750 pausing:true"
        ]
    );
}

#[test]
fn a_long_utterance_is_cut_in_its_quietest_place_and_nothing_is_lost() {
    let parts = [(10_000, 0.9), (208, 0.4), (9_792, 0.9), (800, 0.0)];
    let cues = cues(finals(), &parts);
    let [
        Cue::Started { .. },
        Cue::Ended { utterance: a, .. },
        Cue::Started { id: 2, voice_ms },
        Cue::Ended { utterance: b, .. },
    ] = cues.as_slice()
    else {
        panic!("{:?}", short(&cues))
    };
    assert!((10_100..=10_108).contains(&a.end_ms), "{}", a.end_ms);
    assert_eq!(
        (b.start_ms, *voice_ms, b.end_ms),
        (a.end_ms, a.end_ms, 20_150)
    );
    assert!(a.is_cut && !b.is_cut);
    assert_eq!(a.voiced_ms() + b.voiced_ms(), 20_000);
    let mut joined = a.samples.clone();
    joined.extend(&b.samples);
    assert_eq!(joined, sound(&parts)[..joined.len()]);
}

#[test]
fn no_utterance_is_ever_longer_than_the_limit() {
    let cues = cues(finals(), &[(60_000, 0.9), (800, 0.0)]);
    for cue in &cues {
        if let Cue::Ended { utterance, .. } = cue {
            assert!(utterance.end_ms - utterance.start_ms <= 15_000);
        }
    }
    assert!(cues.len() >= 8);
}

#[test]
fn the_pre_roll_never_takes_sound_of_the_utterance_before() {
    let cues = cues(finals(), &[(320, 0.9), (512, 0.0), (320, 0.9), (800, 0.0)]);
    assert_eq!(
        short(&cues),
        [
            "start 1 0",
            "end 1 0-470 pausing:false",
            "start 2 832",
            "end 2 470-1302 pausing:false"
        ]
    );
}

#[test]
fn the_end_of_the_sound_ends_the_utterance() {
    let mut endpointer = endpointer(finals());
    let mut cues = Vec::new();
    endpointer.push(&sound(&[(500, 0.9)]), &mut cues);
    endpointer.finish(&mut cues);
    assert_eq!(short(&cues), ["start 1 0", "end 1 0-500 pausing:false"]);
    assert_eq!(endpointer.position_ms(), 500);
}

#[test]
fn lost_sound_ends_the_utterance_and_moves_the_clock() {
    let mut endpointer = endpointer(finals());
    let mut cues = Vec::new();
    endpointer.push(&sound(&[(320, 0.9)]), &mut cues);
    endpointer.skip_to(5_000, &mut cues);
    endpointer.push(&sound(&[(320, 0.9), (640, 0.0)]), &mut cues);
    assert_eq!(
        short(&cues),
        [
            "start 1 0",
            "end 1 0-320 pausing:false",
            "start 2 5000",
            "end 2 5000-5470 pausing:false"
        ]
    );
    assert_eq!(endpointer.voiced_ms(), 640);
}

#[test]
fn how_the_sound_is_cut_into_chunks_makes_no_difference() {
    let sound = sound(&[
        (800, 0.0),
        (1_600, 0.9),
        (304, 0.0),
        (1_600, 0.9),
        (800, 0.0),
    ]);
    let mut seen: Option<Vec<String>> = None;
    for size in [1, 100, 256, 257, 5_000, 100_000] {
        let mut endpointer = endpointer(config());
        let mut cues = Vec::new();
        for chunk in sound.chunks(size) {
            endpointer.push(chunk, &mut cues);
        }
        let cues = short(&cues);
        assert_eq!(
            seen.get_or_insert_with(|| cues.clone()),
            &cues,
            "chunks of {size}"
        );
    }
}

#[test]
fn a_voice_the_detector_noticed_late_is_dated_back_by_its_loudness() {
    // Scores of 0.3 do not open an utterance, but they are as loud as a third of the voice.
    let cues = cues(config(), &[(800, 0.01), (304, 0.3), (800, 0.9), (800, 0.0)]);
    assert_eq!(short(&cues)[..2], ["start 1 800", "interim 1 700-1312"]);
}

#[test]
fn a_steady_noise_before_the_voice_is_not_taken_for_its_beginning() {
    let cues = cues(finals(), &[(800, 0.3), (800, 0.9), (800, 0.0)]);
    assert_eq!(short(&cues)[0], "start 1 800");
}

#[test]
fn a_room_that_falls_quiet_before_the_detector_agrees_shortens_the_wait() {
    /// Sure of voice in everything that is not silent.
    struct Sure;
    impl VoiceDetector for Sure {
        fn score(&mut self, frame: &[f32; FRAME]) -> f32 {
            if frame[0] > 0.0 { 0.9 } else { 0.0 }
        }
        fn reset(&mut self) {}
    }
    // Words, 160 ms of fading 26 dB below them, silence.
    let sound = sound(&[(1_600, 0.8), (160, 0.04), (800, 0.0)]);
    let ended = |quiet_credit_ms: u64| {
        let config = EndpointConfig {
            quiet_level: 0.1,
            quiet_credit_ms,
            first_partial_ms: None,
            ..EndpointConfig::default()
        };
        let mut endpointer = Endpointer::new(config, Sure, 0);
        let mut cues = Vec::new();
        let mut at = Vec::new();
        for frame in sound.chunks(FRAME) {
            endpointer.push(frame, &mut cues);
            if cues.len() > at.len() {
                at.resize(cues.len(), endpointer.position_ms());
            }
        }
        (short(&cues), at)
    };
    let cues = ["start 1 0", "pausing 1 0-1910", "end 1 0-1910 pausing:true"];
    let (seen, at) = ended(0);
    assert_eq!(
        (seen, &at[1..]),
        (cues.map(str::to_owned).to_vec(), &[2_016, 2_272][..])
    );
    let (seen, at) = ended(200);
    assert_eq!(
        (seen, &at[1..]),
        (cues.map(str::to_owned).to_vec(), &[1_920, 2_112][..])
    );
}

#[test]
fn a_voice_little_above_the_noise_of_its_room_ends_as_soon_as_one_far_above_it() {
    /// Goes on hearing voice for 160 ms.
    struct Slow(u32);
    impl VoiceDetector for Slow {
        fn score(&mut self, frame: &[f32; FRAME]) -> f32 {
            self.0 = if frame[0] > 0.1 {
                10
            } else {
                self.0.saturating_sub(1)
            };
            if self.0 > 0 { 0.9 } else { 0.0 }
        }
        fn reset(&mut self) {}
    }
    let waited = |room: f32, quiet_floor: f32| {
        let config = EndpointConfig {
            quiet_floor,
            ..EndpointConfig::default().finals_only()
        };
        let mut endpointer = Endpointer::new(config, Slow(0), 0);
        let mut cues = Vec::new();
        for frame in sound(&[(800, room), (1_600, 0.3), (1_600, room)]).chunks(FRAME) {
            endpointer.push(frame, &mut cues);
            if matches!(cues.last(), Some(Cue::Ended { .. })) {
                break;
            }
        }
        endpointer.position_ms() - 2_400
    };
    // 50 dB and 16 dB between voice and room.
    assert_eq!((waited(0.001, 0.0), waited(0.05, 0.0)), (560, 656));
    assert_eq!((waited(0.001, 2.5), waited(0.05, 2.5)), (560, 560));
}
