//! The routes as TypeScript: what is asked and answered at each of them, as types only, beside the
//! realtime contract's file. Only text is made here; that the kept file is up to date is the tests'
//! business.

use protocol::contract::Shape;
use protocol::contract::typescript::{File, quoted, type_of};

use super::{Content, PROBLEM, Route};

/// The whole file.
pub fn types(routes: &[&Route]) -> String {
    let mut file = File::beside_realtime(
        "The HTTP API of Greenroom: what is asked and answered at every route.",
        "UPDATE_EXPECT=1 cargo test -p api typescript",
    );
    file.object(&PROBLEM);
    for route in routes {
        declare(&mut file, route);
    }
    file.line("");
    file.doc(
        "",
        "Every route by its name: what is sent, what comes back, and why it may be refused.",
    );
    file.line("export interface Routes {");
    for route in routes {
        entry(&mut file, route);
    }
    file.line("}");
    file.line("export type RouteName = keyof Routes");
    file.finish()
}

/// Whatever a route's entry names.
fn declare(file: &mut File, route: &Route) {
    if let Some(name) = query_name(route) {
        let about = format!("The query of `{} {}`.", route.method, route.path);
        file.given(&name, &about, route.query);
    }
    if let Some(body) = &route.body {
        file.named_given(&body.shape);
    }
    for answer in route.answers {
        if let Content::Json(shape) = &answer.content {
            file.named(shape);
        }
    }
}

/// `listSessions` → `ListSessionsQuery`, where it has one.
fn query_name(route: &Route) -> Option<String> {
    let first = route.name.get(..1)?.to_ascii_uppercase();
    let rest = route.name.get(1..)?;
    (!route.query.is_empty()).then(|| format!("{first}{rest}Query"))
}

fn entry(file: &mut File, route: &Route) {
    file.doc("  ", route.about);
    file.line(format!("  {}: {{", route.name));
    file.line(format!("    method: {}", quoted(route.method.as_str())));
    file.line(format!("    path: {}", quoted(route.path)));
    if let Some(name) = query_name(route) {
        file.line(format!("    query: {name}"));
    }
    if let Some(body) = &route.body {
        let mark = if body.optional { "?" } else { "" };
        file.line(format!("    body{mark}: {}", type_of(&body.shape)));
    }
    file.line(format!("    answer: {}", answers(route)));
    let mut codes: Vec<&str> = route.whys().iter().map(|why| why.code()).collect();
    codes.sort_unstable();
    let codes: Vec<String> = codes.into_iter().map(quoted).collect();
    let codes = match codes.is_empty() {
        true => "never".to_owned(),
        false => codes.join(" | "),
    };
    file.line(format!("    errors: {codes}"));
    file.line("  }");
}

/// What it answers if it does not refuse; text in any form is a string.
fn answers(route: &Route) -> String {
    let mut kinds: Vec<String> = Vec::new();
    let refused = |answer: &super::Answer| {
        !answer.status.is_success() && !matches!(answer.content, Content::Json(_))
    };
    for answer in route.answers.iter().filter(|answer| !refused(answer)) {
        let kind = match &answer.content {
            Content::Json(Shape::Open) => "Record<string, unknown>".to_owned(),
            Content::Json(shape) => type_of(shape),
            Content::Text(_) => "string".to_owned(),
            Content::Empty => "undefined".to_owned(),
        };
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds.join(" | ")
}
