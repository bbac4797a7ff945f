// Package session keeps who is signed in, over [github.com/alexedwards/scs/v2],
// and the sign-ins that a browser has under way.
//
// A [Manager] is made by [New], with a store, a cookie and a codec of its own, or
// by [FromSCS], which joins the session manager that an application already has.
// [Manager.SignIn] and [Manager.SignOut] change who is signed in;
// [Manager.Load] and [Manager.Get] say who it is. An application that keeps
// values of its own in the session mounts [Manager.LoadAndSave] and uses
// [Manager.SCS].
//
// A [PendingStore] keeps pending sign-ins in sealed cookies.
//
// [SignOuts] is the list of users who were signed out everywhere:
// [Manager.SignOutEverywhere] ends all sessions of a user, in this process at once and in
// the others within five seconds, with no store read per request.
//
// # What is mended in scs
//
// Four things that scs does by itself do not happen here:
//
//   - A request in flight during a sign-out does not bring the session back. scs's
//     stores have no compare-and-set, so ending a session first writes a small
//     tombstone, then deletes the record; whoever writes a record looks for its
//     tombstone before and after, and deletes what came too late. This is done in
//     the store, so that it also holds behind scs's own middleware.
//   - A Flush, or a Hijack, before the first write does not lose the cookie.
//   - An idle timeout does not cost a write at each request, but at most one in a
//     sixteenth of the timeout.
//   - An informational answer (103 Early Hints) does not end the time in which a
//     handler may change the session, and a session that could not be saved does
//     not give a page that looks as if it was.
//
// The first holds everywhere, the others behind this package's own methods; scs's
// LoadAndSave stays as it is.
//
// What remains: while a late record is written and deleted again, for one round
// trip to the store, a third request can still read it, as if it had come just
// before the sign-out. If the process dies within that round trip the record stays
// until it is next written, or expires. Both need a store whose reads see finished
// writes: do not point it at a lagging replica.
//
// A replica learns of a sign-out everywhere when it next reads the list, so for up to
// five seconds it takes a session for open that was ended on another, and for longer
// while the store of the list does not answer. A request that is running goes on with
// what it has learned, though asking again tells the truth. A sign-in begun before, in
// another browser, ends after as a new one.
//
// Session ids never enter logs and errors.
package session
