//! Tokens that let nobody in, in the handshake and as a first message.

use super::{Row, row};
use crate::input::Input::{First, Frames, Token as Shake};
use crate::input::Piece::{Bytes, Text, Times};
use crate::input::Place::{Authorization, Bearer, Protocol, Query};
use crate::input::Token::{
    Changed, Cut, FourParts, Hs384, Raw, RawBytes, Right, RightBytes, Times as Long, TwoParts,
    Unsigned, Wrong,
};
use crate::outcome::Promise::{Answered, Refused};

const HS256: &str = r#"{"alg":"HS256","typ":"JWT"}"#;
const GOOD: &str = r#"{"sub":"mallory","role":"candidate","exp":{soon}}"#;
const INVALID: crate::outcome::Promise = Refused("token_invalid", 4401);
const REQUIRED: crate::outcome::Promise = Refused("auth_required", 4401);

pub(super) const ROWS: &[Row] = &[
    row("no token at all, in time", First(&[]), REQUIRED),
    row("garbage", Shake(Bearer, Raw("garbage")), INVALID),
    row("empty bearer", Shake(Bearer, Raw("")), INVALID),
    row(
        "basic authorization",
        Shake(Authorization, Raw("Basic YTpi")),
        INVALID,
    ),
    row(
        "authorization that is no ASCII",
        Shake(Authorization, RawBytes(b"Bearer \xff\xfe")),
        INVALID,
    ),
    row("only dots", Shake(Bearer, Raw("..")), INVALID),
    row(
        "alg none, unsigned",
        Shake(Bearer, Unsigned(r#"{"alg":"none"}"#, GOOD)),
        INVALID,
    ),
    row(
        "alg nOnE, signed",
        Shake(Bearer, Right(r#"{"alg":"nOnE"}"#, GOOD)),
        INVALID,
    ),
    row(
        "alg HS384",
        Shake(Bearer, Hs384(r#"{"alg":"HS384"}"#, GOOD)),
        INVALID,
    ),
    row(
        "alg HS256 but signed by HS384",
        Shake(Bearer, Hs384(HS256, GOOD)),
        INVALID,
    ),
    row(
        "alg RS256 signed with our secret",
        Shake(Bearer, Right(r#"{"alg":"RS256"}"#, GOOD)),
        INVALID,
    ),
    row(
        "alg is a list",
        Shake(Bearer, Right(r#"{"alg":["HS256"]}"#, GOOD)),
        INVALID,
    ),
    row(
        "no alg",
        Shake(Bearer, Right(r#"{"typ":"JWT"}"#, GOOD)),
        INVALID,
    ),
    row(
        "critical extension",
        Shake(
            Bearer,
            Right(r#"{"alg":"HS256","crit":["b64"],"b64":false}"#, GOOD),
        ),
        INVALID,
    ),
    row(
        "header is no JSON",
        Shake(Bearer, Right("HS256", GOOD)),
        INVALID,
    ),
    row("another secret", Shake(Bearer, Wrong(HS256, GOOD)), INVALID),
    row(
        "no signature",
        Shake(Bearer, Unsigned(HS256, GOOD)),
        INVALID,
    ),
    row("signature cut", Shake(Bearer, Cut), INVALID),
    row("claims changed", Shake(Bearer, Changed), INVALID),
    row("two parts", Shake(Bearer, TwoParts), INVALID),
    row("four parts", Shake(Bearer, FourParts), INVALID),
    row("nine kilobytes", Shake(Bearer, Long(9_000, "a")), INVALID),
    row(
        "expired",
        Shake(Bearer, Right(HS256, r#"{"sub":"mallory","exp":{past}}"#)),
        Refused("token_expired", 4401),
    ),
    row(
        "not yet valid",
        Shake(
            Bearer,
            Right(HS256, r#"{"sub":"mallory","exp":{soon},"nbf":{soon}}"#),
        ),
        INVALID,
    ),
    row(
        "exp missing",
        Shake(Bearer, Right(HS256, r#"{"sub":"mallory"}"#)),
        INVALID,
    ),
    row(
        "exp as text",
        Shake(Bearer, Right(HS256, r#"{"sub":"mallory","exp":"{soon}"}"#)),
        INVALID,
    ),
    row(
        "exp beyond all time",
        Shake(Bearer, Right(HS256, r#"{"sub":"mallory","exp":1e300}"#)),
        INVALID,
    ),
    row(
        "exp negative",
        Shake(Bearer, Right(HS256, r#"{"sub":"mallory","exp":-1}"#)),
        INVALID,
    ),
    row(
        "nbf as text",
        Shake(
            Bearer,
            Right(HS256, r#"{"sub":"mallory","exp":{soon},"nbf":"0"}"#),
        ),
        INVALID,
    ),
    row(
        "sub missing",
        Shake(Bearer, Right(HS256, r#"{"exp":{soon}}"#)),
        INVALID,
    ),
    row(
        "sub empty",
        Shake(Bearer, Right(HS256, r#"{"sub":"","exp":{soon}}"#)),
        INVALID,
    ),
    row(
        "sub as number",
        Shake(Bearer, Right(HS256, r#"{"sub":7,"exp":{soon}}"#)),
        INVALID,
    ),
    row(
        "sub with a space",
        Shake(Bearer, Right(HS256, r#"{"sub":"a b","exp":{soon}}"#)),
        INVALID,
    ),
    row(
        "role as a list",
        Shake(
            Bearer,
            Right(HS256, r#"{"sub":"m","role":["admin"],"exp":{soon}}"#),
        ),
        INVALID,
    ),
    row(
        "session as number",
        Shake(
            Bearer,
            Right(HS256, r#"{"sub":"m","session":1,"exp":{soon}}"#),
        ),
        INVALID,
    ),
    row(
        "session with a slash",
        Shake(
            Bearer,
            Right(HS256, r#"{"sub":"m","session":"../good","exp":{soon}}"#),
        ),
        INVALID,
    ),
    row(
        "claims are a list",
        Shake(Bearer, Right(HS256, "[1,2]")),
        INVALID,
    ),
    row(
        "claims are no JSON",
        Shake(Bearer, Right(HS256, "{sub: mallory}")),
        INVALID,
    ),
    row(
        "claims are no UTF-8",
        Shake(Bearer, RightBytes(b"{\"sub\":\"\xff\",\"exp\":9999999999}")),
        INVALID,
    ),
    row("query: malformed", Shake(Query, Raw("%ZZ%00")), INVALID),
    row("query: empty", Shake(Query, Raw("")), INVALID),
    row(
        "query: another secret",
        Shake(Query, Wrong(HS256, GOOD)),
        INVALID,
    ),
    row(
        "subprotocol: another secret",
        Shake(Protocol, Wrong(HS256, GOOD)),
        INVALID,
    ),
    row("subprotocol: empty", Shake(Protocol, Raw("")), INVALID),
    row(
        "first message is no JSON",
        First(&[Bytes(b"\x81\x85\0\0\0\0hello")]),
        Refused("bad_json", 4401),
    ),
    row(
        "first message is a join",
        First(&[
            Bytes(b"\x81\xae\0\0\0\0"),
            Text(r#"{"type":"session:join","sessionId":"goodgood"}"#),
        ]),
        REQUIRED,
    ),
    row(
        "first message is binary",
        First(&[Bytes(b"\x82\x84\0\0\0\0\x01\x00\x00\x00")]),
        REQUIRED,
    ),
    row(
        "first message: token is garbage",
        First(&[
            Bytes(b"\x81\xa1\0\0\0\0"),
            Text(r#"{"type":"auth","token":"garbage"}"#),
        ]),
        INVALID,
    ),
    row(
        "first message: no token",
        First(&[Bytes(b"\x81\x8f\0\0\0\0"), Text(r#"{"type":"auth"}"#)]),
        Refused("missing_field", 4401),
    ),
    row(
        "first message: token is a number",
        First(&[
            Bytes(b"\x81\x99\0\0\0\0"),
            Text(r#"{"type":"auth","token":7}"#),
        ]),
        Refused("invalid_field", 4401),
    ),
    row(
        "first message: eight kilobytes",
        First(&[
            Bytes(b"\x81\xfe\x20\x1a\0\0\0\0"),
            Text(r#"{"type":"auth","token":""#),
            Times(8_192, "a"),
            Text(r#""}"#),
        ]),
        REQUIRED,
    ),
    row(
        "auth once more",
        Frames(&[
            Bytes(b"\x81\xa9\0\0\0\0"),
            Text(r#"{"type":"auth","token":"again","ref":"r"}"#),
        ]),
        Answered("not_supported"),
    ),
];
