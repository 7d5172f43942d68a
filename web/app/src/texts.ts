// Every word a person can read in the app, in one place. Short sentences, everyday words: a test
// measures both, and forbids the words of the people who built it.

export type Amount = number;

const many = (n: Amount, one: string, more: string) => (n === 1 ? `${n} ${one}` : `${n} ${more}`);

/** "about 5 minutes", "less than a minute": how long something takes. */
export function roughly(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  return minutes < 1 ? "less than a minute" : `about ${many(minutes, "minute", "minutes")}`;
}

/** "5 minutes", "1 hour 5 minutes", "40 seconds": how long something took. */
export function took(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return many(seconds, "second", "seconds");
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return many(minutes, "minute", "minutes");
  const rest = minutes % 60;
  const hours = many(Math.floor(minutes / 60), "hour", "hours");
  return rest === 0 ? hours : `${hours} ${many(rest, "minute", "minutes")}`;
}

/** "just now", "5 minutes ago". */
export const ago = (ms: number) => (ms < 5_000 ? "just now" : `${took(ms)} ago`);

export const app = {
  name: "Greenroom",
  interview: "Interview",
  skip: "Skip to the main part",
  help: "Need help? Ask the person who sent you the link.",
  loading: "One moment…",
  again: "Try again",
  close: "Close",
  back: "Go back",
  details: "Details for support",
  copy: "Copy",
  copied: "Copied",
  reference: (id: string) => `Reference: ${id}`,
  wrong: "Something did not work",
  wrongBody: "This is our mistake, not yours. Load the page again. What you said so far is safe.",
  reload: "Load the page again",
};

export const home = {
  title: "Welcome",
  lead: "To take part in an interview, open the link from your invitation.",
  ready: "Your link is here. You can go on.",
  goOn: "Go on",
  tryMic: "Check your microphone before the day",
  paste: "Or paste your link, or a code from your other device",
  open: "Open",
  badLink: "This does not look like a link or a code of ours. Copy all of it and try again.",
  needLink: "Please open your link again",
  needLinkBody:
    "This page needs the link from your invitation. Open that link again and you will come back to where you were.",
  oldLink: "This link is too old",
  oldLinkBody: "Links work for some time only. Ask the person who invited you for a new one.",
};

export const recovery = {
  checking: "Checking for an unfinished interview…",
  title: "You have an unfinished interview",
  began: (date: string, past: string) => `It began ${date}, ${past}.`,
  far: (n: number, of: number) => `You were at question ${n} of ${of}.`,
  farUnknown: "You had started, and what you said so far is kept.",
  closing: "It is being finished just now.",
  openElsewhere: "It is still open in another window or on another device.",
  openNowhere: "It is not open anywhere else.",
  lastSeen: (past: string) => `You were last here ${past}.`,
  timeLeft: (time: string) => `You have ${time} left for it.`,
  continueHere: "Continue here",
  continueHint: "You go on where you stopped. If it is open somewhere else, it stops there.",
  clear: "Clear it and start again",
  clearHint: "What you said so far is closed, and it counts as stopped by you.",
  clearing: "Clearing…",
  clearSure: "Do you really want to clear it? You cannot go on with it after that.",
  clearYes: "Yes, clear it",
  clearNo: "No, keep it",
  unreachable: "We cannot check right now",
  unreachableBody: (s: number) =>
    `The connection does not work. What you said before is safe. We will check again in ${many(s, "second", "seconds")}.`,
  checkNow: "Check now",
};

export const start = {
  title: "Before you begin",
  hello: (name: string) => `Hello ${name}.`,
  about: (title: string) => `This is your interview: ${title}.`,
  whatHappens: "What will happen",
  questions: (n: number) =>
    n === 1
      ? "You will see one question. You answer by speaking."
      : `You will see ${n} questions, one after the other. You answer by speaking.`,
  questionsUnknown: "You will see questions, one after the other. You answer by speaking.",
  clock: "Each question has a time limit. You see how much time is left, and you can stop earlier.",
  extra: (time: string, times: number) =>
    `If you need longer, you can ask for ${time} more, ${times === 1 ? "once" : `${times} times`}.`,
  howLong: "How long it takes",
  howLongIs: (time: string) => `It takes ${time}.`,
  howLongUnknown: "You see the time for each question when it comes.",
  recorded: "What is kept",
  recordedBody:
    "Your voice is turned into text while you speak. The text is kept. The sound is deleted when the text is there. There is no video.",
  sees: "Who sees it",
  seesBody:
    "The people who invited you can read along, and they get a report at the end. If somebody is with you, you see their name.",
  ai: "How AI is used",
  aiBody:
    "A computer writes down what you say. It also looks for parts of a good answer and shows them in the report. It does not judge your face, your voice or your feelings. A person decides, not the computer.",
  otherWay: "You need more time, or another way?",
  otherWayBody:
    "Tell the person who invited you before you begin. You can also type your answers, and nothing is lost if the connection breaks.",
  choose: "Which interview do you want to try?",
  planLine: (questions: number, time: string) =>
    `${many(questions, "question", "questions")}, ${time}`,
  next: "Next",
};

export const consent = {
  title: "Do you agree?",
  lead: "We need your yes before anything is heard.",
  voice: "I agree that my voice is heard and turned into text, and that the text is kept.",
  ai: "I agree that a computer looks for parts of a good answer in what I say.",
  people: "I know that the people who invited me can read it.",
  purposes: {
    recording: "I agree that my voice is heard and kept until it is turned into text.",
    transcription: "I agree that my voice is turned into text, and that the text is kept.",
    scoring: "I agree that a computer looks for parts of a good answer in what I say.",
    suggestions: "I agree that a computer gives ideas for what to ask or say next.",
  } as Record<string, string>,
  purpose: (what: string) => `I agree to this: ${what}.`,
  must: "Please tick each box to go on, or say that you do not agree.",
  yes: "I agree",
  no: "I do not agree",
  failed: "This was not sent. Please try again.",
  noTitle: "You did not agree",
  noBody:
    "Nothing was heard or kept. You can tell the person who invited you. They can offer you another way.",
  noSure: "If you do not agree, this interview ends now.",
  noYes: "End it, I do not agree",
  noBack: "Go back and think about it",
};

export const check = {
  title: "Check your microphone",
  explain:
    "Your browser will ask whether this page may use your microphone. Please choose “Allow”. Nothing is sent or kept during this check.",
  turnOn: "Turn on the microphone",
  turningOn: "Waiting for your browser…",
  which: "Microphone",
  unnamed: (n: number) => `Microphone ${n}`,
  level: "How loud you are",
  sayHello: "Say a few words, like “Hello, can you hear me?”",
  heard: "We can hear you",
  quiet: "We cannot hear you yet. Speak a bit louder, or choose another microphone.",
  record: "Record 3 seconds",
  recording: "Recording… say something",
  listen: "Listen to it",
  listening: "Playing…",
  playbackHint: "Do you hear yourself? Then all is well.",
  begin: "Go to the interview",
  without: "Go on without a microphone",
  withoutHint: "You can type your answers.",
};

/** What stands in the way of the microphone, and what to do about it. */
export const trouble = {
  denied: {
    title: "Your browser does not let us use the microphone",
    body: "Click the sign left of the address at the top, allow the microphone, and try again.",
  },
  missing: {
    title: "We found no microphone",
    body: "Plug one in, or switch on your headset. Then try again.",
  },
  busy: {
    title: "Another program uses your microphone",
    body: "Close other calls or recorders. Then try again.",
  },
  insecure: {
    title: "This page may not use a microphone",
    body: "Its address must begin with https. Ask the person who sent you the link.",
  },
  lost: {
    title: "Your microphone is gone",
    body: "It was unplugged or switched off. The interview goes on. Plug it in again, choose another one, or type your answer.",
  },
  silent: {
    title: "We cannot hear you",
    body: "Check that your microphone is not muted. You can choose another one, or type your answer.",
  },
  paused: {
    title: "Your microphone is paused",
    body: "Another program took it, maybe a call. It comes back when that is over. You can also type your answer.",
  },
  failed: {
    title: "The microphone does not work",
    body: "Try again, choose another one, or type your answer.",
  },
  another: "Choose another microphone",
  retry: "Try again",
  type: "Type my answer",
};

export const live = {
  waiting: "You are in",
  waitingBody: "Begin when you are ready. The clock starts with the first question.",
  waitingForHost: "Your interview begins when the first question comes. Please wait a moment.",
  startNow: "Start the interview",
  starting: "Starting…",
  question: (n: number, of: number) => `Question ${n} of ${of}`,
  getReady: "The next question is coming…",
  finishing: "Your report is being made. This takes a few seconds.",
  time: "Time left",
  minutes: (n: number) => `About ${many(n, "minute", "minutes")} left`,
  seconds: (n: number) => `${many(n, "second", "seconds")} left`,
  timeUp: "Time is up",
  hideClock: "Hide the clock",
  showClock: "Show the clock",
  clockHidden: "The clock is hidden",
  warn: (time: string) => `${time}. You can finish your sentence.`,
  extend: (time: string) => `Give me ${time} more`,
  extendPlain: "Give me more time",
  extended: "You have more time now.",
  noExtend: "There is no more extra time for this question.",
  expiring: {
    inactivity: "We have not heard from you for a while. Say something, or press the button.",
    duration: "The whole interview is nearly over.",
    question: "The time for this question is nearly over.",
  },
  stay: "I am still here",
  otherDevice: "Another device",
  move: "Move to another device",
  moveTitle: "Go on with another device",
  moveBody: (time: string) =>
    `The interview goes on there and stops here. The link works once, for ${time}.`,
  moveLink: "Open this link on the other device",
  moveCopy: "Copy the link",
  moveCode: (address: string) => `Or open ${address} there and type this code:`,
  moveOver: "The code is too old now. Close this box and ask for a new one.",
  moveFailed: "This did not work. Please try again.",
  moveClose: "Stay here",
  done: "I'm done with this answer",
  doneBusy: "One moment…",
  pass: "Skip this one",
  end: "End the interview",
  endTitle: "End the interview now?",
  endBody:
    "You cannot answer more questions after this. What you said so far is kept, and the report is made from it.",
  endYes: "Yes, end it",
  endNo: "No, go on",
  captions: "What we hear",
  captionsEmpty: "Your words appear here while you speak.",
  latest: "Go to the newest words",
  aloud: "Read aloud",
  aloudNone: "Nothing",
  aloudQuestions: "Questions only",
  aloudAll: "Everything",
  gap: "Some sound was lost here.",
  you: "You",
  typed: "typed",
  mic: "Your microphone",
  micOn: "The microphone is on",
  micOff: "The microphone is off",
  micMuted: "You are muted. Nobody hears you.",
  mute: "Mute",
  unmute: "Unmute",
  turnOnMic: "Turn on the microphone",
  type: "Type instead",
  typeLabel: "Type your answer",
  typeSend: "Send",
  typeSent: "Your text is in your answer.",
  typeClose: "Close the text field",
  typeFailed: "This was not sent. Please try again.",
  controls: "Your answer",
  captionsLate: "The text comes late just now. Nothing is lost.",
  degraded: "Saving is slow just now. Keep going. What you say is kept here until it is saved.",
  people: "Who is here",
  alone: "Only you",
  cameIn: (name: string, role: string) => `${name} came in (${role}).`,
  tips: "Ideas",
  tipsHint: "These may help you. You do not have to use them.",
  tipsNone: "Ideas appear here when you pause.",
};

export const connection = {
  about: "Connection",
  lost: "The connection is shaky. Your answer is being kept on this device. Keep speaking.",
  lostQuiet: "The connection is shaky. What you said so far is safe.",
  longer: (s: number) => `Still trying. Next try in ${many(s, "second", "seconds")}.`,
  trying: "Trying again now…",
  offline: "This device has no internet just now. We try again as soon as it is back.",
  tryNow: "Try now",
  longTitle: "We could not reach the interview for a while.",
  longBody: "You may keep waiting, or come back later with the same link. What you said is safe.",
  back: "You are back. Nothing was lost.",
  backWithGap: "You are back. A short piece of sound may be missing.",
  restarting: "The service is being renewed. You will be back in a moment, and nothing is lost.",
  closed: {
    title: "The connection was closed",
    body: "What you said so far is safe. Load the page again, or open your link again.",
  },
  connecting: "Connecting…",
  connected: "Connected",
};

export const moved = {
  title: "The interview moved to another window",
  body: "It was opened somewhere else. This page has stopped listening. Your microphone is off here.",
  here: "Move it back here",
  close: "Leave it there",
  left: "You can close this page. The interview goes on in the other window.",
  bring: "Go on with your interview here",
  bringBody: "It goes on where you stopped, and it stops on your other device.",
  bringHere: "Go on here",
  code: "Your code",
  badCode: "A code has ten letters and digits. Please look again.",
  oldCode:
    "This code is not good any more. A code works once and for a few minutes. Ask your other device for a new one.",
  unreachable: "The connection does not work just now. Please try again.",
  storm: "Two windows are fighting over this interview. Close one of them, then try again.",
};

export type Reason =
  | "completed"
  | "candidate_ended"
  | "interviewer_ended"
  | "admin_ended"
  | "api_ended"
  | "closed_by_api"
  | "closed_externally"
  | "cleared_by_user"
  | "replaced_by_new_session"
  | "declined"
  | "expired"
  | "max_duration"
  | "inactivity"
  | "abandoned"
  | "upload_timeout"
  | "token_revoked"
  | "server_crash"
  | "store_lost"
  | "internal_error";

/** How an interview ended, told to the candidate: what happened, and what comes next. */
export const ended: Record<Reason, { title: string; body: string }> = {
  completed: {
    title: "You are done. Thank you!",
    body: "That was the last question. What you said is saved.",
  },
  candidate_ended: { title: "You ended the interview", body: "What you said is saved." },
  interviewer_ended: {
    title: "The interview is over",
    body: "Your interviewer ended it. What you said is saved.",
  },
  admin_ended: {
    title: "The interview was ended",
    body: "The people who run it ended it. What you said is saved. They can tell you why.",
  },
  api_ended: {
    title: "The interview is over",
    body: "It was ended by the people who run it. What you said is saved.",
  },
  closed_by_api: {
    title: "The interview is over",
    body: "It was ended by the people who run it. What you said is saved.",
  },
  closed_externally: {
    title: "The interview is over",
    body: "It was ended by the people who run it. What you said is saved.",
  },
  cleared_by_user: { title: "This interview was cleared", body: "You cleared it to start again." },
  replaced_by_new_session: {
    title: "You started another interview",
    body: "This one ended because you began a new one. What you said is saved.",
  },
  declined: { title: "You did not agree", body: "Nothing was heard or kept." },
  expired: {
    title: "This interview was never started",
    body: "It waited too long and closed. Ask the person who invited you for a new link.",
  },
  max_duration: {
    title: "The time is up",
    body: "The longest time for this interview is over. What you said is saved.",
  },
  inactivity: {
    title: "The interview was closed",
    body: "We did not hear from you for a while. What you said before is saved.",
  },
  abandoned: {
    title: "The interview was closed",
    body: "You were away too long and it could not wait. What you said before is saved.",
  },
  upload_timeout: {
    title: "The interview is over",
    body: "Not everything arrived in time. What arrived is saved.",
  },
  token_revoked: {
    title: "Your invitation was taken back",
    body: "Please ask the person who invited you.",
  },
  server_crash: {
    title: "The interview had to stop",
    body: "Something broke on our side, and we are sorry. What you said is saved as far as it arrived.",
  },
  store_lost: {
    title: "The interview had to stop",
    body: "Something broke on our side, and we are sorry. Some of it may not be saved.",
  },
  internal_error: {
    title: "The interview had to stop",
    body: "Something broke on our side, and we are sorry. What you said before is saved.",
  },
};

export const after = {
  next: "What happens now",
  nextBody: "The people who invited you get the report. They will contact you.",
  facts: (answered: number, asked: number, time: string) =>
    `You answered ${answered} of ${asked} questions in ${time}.`,
  report: "See your report",
  close: "You can close this page now.",
  over: "This interview is over",
  overBody: "It ended while you were away. What you said is saved.",
  again: "Start another practice",
  notSaved: "Saving takes longer than usual. It is being tried again and again.",
  askNew: "If you want to try again, ask the person who invited you for a new link.",
};

export const refused: Record<string, { title: string; body: string }> = {
  session_not_found: {
    title: "We cannot find this interview",
    body: "Check the link. Maybe a part of it is missing. Or ask the person who invited you.",
  },
  session_ended: {
    title: "This interview is over",
    body: "It has ended already. You can close this page.",
  },
  room_full: {
    title: "There is no free seat",
    body: "Too many people are in this interview. Please try again later.",
  },
  not_allowed: {
    title: "This is not for you",
    body: "Your link does not allow this. Ask the person who sent it.",
  },
  token_expired: { title: home.oldLink, body: home.oldLinkBody },
  token_invalid: {
    title: "This link does not work",
    body: "Copy the whole link from your invitation and open it again.",
  },
  auth_required: { title: home.needLink, body: home.needLinkBody },
  token_revoked: {
    title: "Your invitation was taken back",
    body: "Please ask the person who invited you.",
  },
  takeover_storm: { title: moved.title, body: moved.storm },
  plan_not_found: {
    title: "The questions are missing",
    body: "Ask the person who invited you. They can set them up.",
  },
  other: { title: app.wrong, body: app.wrongBody },
};

export const watch = {
  title: "Interviews",
  lead: "You can follow several interviews at once.",
  none: "No interview is open here. Paste a link or a name to open one.",
  add: "Open an interview",
  addLabel: "Link or name of the interview",
  addButton: "Open",
  remove: "Close this one",
  removeNamed: (title: string) => `Close this one: ${title}`,
  joining: "Opening…",
  scheduled: "Not started yet",
  active: "Running",
  completing: "Finishing",
  over: "Over",
  start: "Start the interview",
  end: "End the interview",
  endTitle: (title: string) => `End “${title}” for everybody?`,
  endBody: "The candidate is told, and the report is made from what was said so far.",
  endYes: "Yes, end it",
  endNo: "No, let it go on",
  report: "Open the report",
  people: "Who is here",
  nobody: "Nobody yet",
  you: "you",
  here: "here",
  gone: "connection lost",
  hidden: "looking at something else",
  roles: {
    candidate: "Candidate",
    interviewer: "Interviewer",
    observer: "Observer",
    admin: "Admin",
  } as Record<string, string>,
  transcript: "What is said",
  transcriptOf: (title: string) => `What is said in ${title}`,
  transcriptNone: "Nothing was said yet.",
  tips: "Questions you could ask",
  tipsNone: "Ideas for follow-up questions appear when the candidate pauses.",
  asked: (n: number, of: number, text: string) => `Question ${n} of ${of}: ${text}`,
  noQuestion: "No question is open.",
  closed: {
    answered: "Answered",
    timed_out: "Time ran out",
    skipped: "Skipped",
    lost: "Cut off",
  } as Record<string, string>,
  early: {
    title: "Not here yet",
    body: "Maybe it has not been started. This page looks again by itself. If it stays like this, check the link.",
  },
  stopped: "This view was opened in another window.",
  reopen: "Show it here",
  endedBecause: (reason: string) => `It is over: ${reason}.`,
};

/** How an interview ended, in a few words for lists. */
export const reasons: Record<Reason, string> = {
  completed: "all questions done",
  candidate_ended: "ended by the candidate",
  interviewer_ended: "ended by the interviewer",
  admin_ended: "ended by an admin",
  api_ended: "ended by your system",
  closed_by_api: "closed by your system",
  closed_externally: "closed in the records",
  cleared_by_user: "cleared by the candidate",
  replaced_by_new_session: "replaced by a new one",
  declined: "candidate did not agree",
  expired: "never started",
  max_duration: "longest time was over",
  inactivity: "nobody spoke",
  abandoned: "candidate did not come back",
  upload_timeout: "recording did not arrive",
  token_revoked: "invitation taken back",
  server_crash: "the server stopped",
  store_lost: "records were lost",
  internal_error: "a fault of ours",
};

export const report = {
  title: "Report",
  loading: "Opening the report…",
  notReady: "The report is not ready yet",
  notReadyBody:
    "It is made when the interview ends. That takes a few seconds. This page looks again by itself.",
  missing: "There is no report here",
  missingBody: "Check the link. The report may have been deleted, or it may not be meant for you.",
  print: "Print",
  save: "Save as",
  formats: {
    json: "Data (JSON)",
    md: "Text (Markdown)",
    csv: "Table (CSV)",
    vtt: "Captions (WebVTT)",
  },
  saved: (name: string) => `Saved as ${name}.`,
  saveFailed: "This could not be saved. Please try again.",
  back: "Back",
};

export const admin = {
  title: "Admin",
  tabs: { live: "Live", closures: "How interviews end", plans: "Plans", server: "Server" },
  nav: "Parts of the admin page",
  only: "This page is for admins",
  onlyBody: "Your link does not open it. Ask the person who runs this server.",
  failed: "This could not be loaded.",
  updated: (past: string) => `As of ${past}`,
  live: {
    title: "Interviews right now",
    none: "No interview is running.",
    name: "Interview",
    health: "How it is",
    age: "Age",
    people: "Who is in",
    actions: "What you can do",
    notStarted: "not started",
    good: "Good",
    waiting: "Waiting to begin",
    unstable: "Unstable",
    stuck: "Stuck",
    finishing: "Finishing",
    whyGood: "The candidate is there.",
    whyWaiting: "Nobody has begun yet.",
    whyUnstable: "The candidate's connection is lost. It is waited for.",
    whyStuck: (past: string) => `Nobody is in it, and nothing happened since ${past}.`,
    whyFinishing: "The report is being made.",
    end: "End",
    clear: "Clear",
    story: "Story",
    watch: "Watch",
    endTitle: (title: string) => `End “${title}”?`,
    endBody: "Everybody in it is told. The report is made from what was said so far.",
    endYes: "Yes, end it",
    clearTitle: (who: string) => `Clear the open interview of ${who}?`,
    clearBody: "It is closed, and they can start a new one. What was said so far is kept.",
    clearYes: "Yes, clear it",
    no: "No, leave it",
    done: "Done.",
    recent: "Ended lately",
    recentNone: "None has ended yet.",
    ended: "How it ended",
    lasted: "Lasted",
    report: "Report",
    when: "When",
  },
  story: {
    title: (name: string) => `The story of ${name}`,
    none: "Nothing is written down about it.",
    loading: "Reading…",
    when: "Time",
    what: "What happened",
    kinds: {
      created: "Made for",
      joined: "Came in:",
      resumed: "Came back:",
      took_over: "Opened in another window:",
      takeover_refused: "Too many windows:",
      disconnected: "Connection lost:",
      left: "Left:",
      ended: "Ended",
      degraded: "Saving was slow",
      restored: "Everything is saved again",
      recovered: "Went on after the server stopped",
      truncated: "More happened than is kept",
      "session:status:updated": "Changed",
      "question:asked": "Question asked",
      "question:extended": "More time given",
      "question:closed": "Question closed",
      "transcription:result": "Somebody spoke",
      "transcription:gap": "Some sound was lost",
      "responses:suggestions": "Ideas given",
      "consent:given": "Agreed",
      "consent:declined": "Did not agree",
      interview_ended: "Report made",
    } as Record<string, string>,
  },
  create: {
    title: "New interview",
    name: "Title",
    nameHint: "Everybody in it sees this.",
    candidate: "Who is the candidate?",
    candidateHint: "A short name without spaces, like ana or ana.smith.",
    interviewer: "Who is the interviewer? (may be empty)",
    plan: "Questions",
    make: "Make the links",
    made: "The interview is ready. Send each person their own link:",
    copyFor: (who: string) => `Copy the link for ${who}`,
    linkFor: (who: string, role: string) => `${who} (${role})`,
    another: "Make another",
    failed: "This did not work:",
  },
  closures: {
    title: "How interviews end",
    lead: "Each bar is one stretch of time. Its parts show how the interviews in it ended.",
    range: "Time",
    day: "Last 24 hours",
    week: "Last 7 days",
    month: "Last 30 days",
    none: "No interview ended in this time.",
    table: "The same as a table",
    from: "From",
    total: "All",
    summary: (n: number, top: string) =>
      `${many(n, "interview", "interviews")} ended. Most often: ${top}.`,
    good: "as planned",
    early: "early",
    broken: "because something broke",
    connections: "Connections that closed lately",
    connectionsNone: "None has closed yet.",
    who: "Who",
    why: "Why",
    when: "When",
    closes: {
      session_over: "The interview was over",
      not_authenticated: "The link was not valid",
      not_allowed: "Not allowed",
      replaced: "Opened in another window",
      token_expired: "The link was too old",
      server_restart: "The server was restarted",
      slow_consumer: "Too slow to keep up",
      heartbeat_missed: "Gave no sign any more",
      limited: "Too much at once",
      closed_by_client: "Left",
      lost: "The line broke",
    } as Record<string, string>,
  },
  plans: {
    title: "Plans",
    none: "There is no plan yet.",
    line: (n: number, time: string) => `${many(n, "question", "questions")}, ${time}`,
    seconds: (time: string) => `up to ${time}`,
  },
  server: {
    title: "Server",
    ready: "Ready for interviews",
    notReady: "Not ready for new interviews",
    checks: "Parts",
    fine: "fine",
    figures: "In it right now",
    sessions: "Interviews in memory",
    timers: "Question clocks running",
    seats: "People connected to interviews",
    rows: "Interviews not finished",
    oldest: "Oldest of them",
    cleaned: "Cleaned up since the start",
    memory: "Memory",
    rss: "Used in all",
    heap: "Data, in use",
    heapTotal: "Data, set aside",
    external: "Files and speech model",
    none: "none",
    mb: (n: number) => `${n} MB`,
  },
};
