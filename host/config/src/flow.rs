//! Where streams can go: routes that none can take, exits that lead in a circle, bindings that none reach.

use crate::config::Config;
use crate::model::{Binding, BindingIndex, Route};
use crate::path::{NodePath, Segment};
use crate::problem::Problem;
use crate::read::Read;
use crate::text::Problems;

/// Reports the routes after one that takes every stream.
pub(crate) fn check_reachable(read: &Read, problems: &mut Problems<'_>) {
    for binding in read.bindings.iter().flatten().filter(|binding| !read.unsure.contains(&binding.at)) {
        let Some(last) = binding.routes.iter().position(Route::is_unconditional) else { continue };
        let taking = &binding.routes[last].at;
        for route in &binding.routes[last + 1..] {
            let found = format!("an unreachable route: {} takes every stream before it", within(taking));
            problems.error(&route.at, "a route that a stream can take", found);
        }
    }
}

/// `routes[0]`, of `bindings.NAME.routes[0]`.
fn within(route: &NodePath) -> String {
    let of_binding = route.segments().iter().skip(2).cloned().collect();
    NodePath::new(route.document(), of_binding).to_string()
}

/// Reports each exit that closes a circle of bindings.
pub(crate) fn check_circles(bindings: &[Option<Binding>], problems: &mut Problems<'_>) {
    let mut progress = vec![Progress::Ahead; bindings.len()];
    for start in 0..bindings.len() {
        if progress[start] == Progress::Ahead {
            walk(start, bindings, &mut progress, problems);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Ahead,
    /// On the way that is being walked.
    OnTheWay,
    Behind,
}

/// Walks all ways from `start`, depth first. The way is kept in a list of its own: it can be as long
/// as there are bindings.
fn walk(start: usize, bindings: &[Option<Binding>], progress: &mut [Progress], problems: &mut Problems<'_>) {
    let mut way = vec![(start, 0)];
    progress[start] = Progress::OnTheWay;
    while let Some((here, next)) = way.last_mut() {
        let route = bindings[*here].as_ref().and_then(|binding| binding.routes.get(*next));
        *next += 1;
        let Some(route) = route else {
            progress[*here] = Progress::Behind;
            way.pop();
            continue;
        };
        let Some(BindingIndex(exit)) = route.exit else { continue };
        match progress[exit] {
            Progress::Ahead => {
                progress[exit] = Progress::OnTheWay;
                way.push((exit, 0));
            }
            Progress::OnTheWay => report_circle(route, exit, &way, bindings, problems),
            Progress::Behind => {}
        }
    }
}

fn report_circle(
    route: &Route,
    first: usize,
    way: &[(usize, usize)],
    bindings: &[Option<Binding>],
    problems: &mut Problems<'_>,
) {
    let circle = way.iter().map(|(binding, _)| *binding).skip_while(|binding| *binding != first);
    let circle: Vec<&Binding> = circle.filter_map(|binding| bindings[binding].as_ref()).collect();
    let Some(home) = circle.first().map(|binding| binding.namespace.as_str()) else { return };
    let name = |binding: &&Binding| match binding.namespace == home {
        true => binding.name.clone(),
        false => binding.qualified_name(),
    };
    let mut names: Vec<String> = circle.iter().take(CIRCLE_NAMES_MAX).map(name).collect();
    if circle.len() > CIRCLE_NAMES_MAX {
        names.push(format!("... {} more ...", circle.len() - CIRCLE_NAMES_MAX));
    }
    names.extend(circle.first().map(name));
    let at = match route.at.segments().last() {
        Some(Segment::Index(_)) => route.at.key("exit"),
        Some(Segment::Key(_)) | None => route.at.clone(), // the binding's own exit
    };
    problems.error(&at, "exits that do not come back", format!("a cycle: {}", names.join(" -> ")));
}

/// Longer circles are shown in part.
const CIRCLE_NAMES_MAX: usize = 8;

/// A warning for each binding that no route exits to, and that gets no streams from elsewhere:
/// `is_source` knows those that do, such as listeners.
#[must_use]
pub fn unused_bindings(config: &Config, is_source: impl Fn(&Binding) -> bool) -> Vec<Problem> {
    let mut used = vec![false; config.bindings.len()];
    for route in config.bindings.iter().flat_map(|binding| &binding.routes) {
        if let Some(BindingIndex(exit)) = route.exit {
            used[exit] = true;
        }
    }
    let unused = config.bindings.iter().zip(used).filter(|(binding, used)| !used && !is_source(binding));
    unused
        .map(|(binding, _)| {
            config
                .problem(&binding.at, "a binding that some route exits to", "no exit that leads here")
                .with_help(format!("no stream comes to `{}`: remove it or give it a route", binding.name))
                .as_warning()
        })
        .collect()
}
