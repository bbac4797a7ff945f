// Package session keeps sessions of signed-in users, over [github.com/alexedwards/scs/v2],
// and the pending sign-ins of a browser.
//
// [New] makes a [Manager] with its own store, cookie and codec. [FromSCS] uses an application's
// manager. An application that keeps values in the session mounts [Manager.LoadAndSave].
//
// # Differences from scs
//
//   - A request that runs during a sign-out does not bring the session back, also behind
//     scs's own middleware. scs's stores have no compare-and-set. So ending a session first
//     writes a small tombstone, and then deletes the record. It does both again after 10 seconds
//     and after a minute. Every write of a record looks for its tombstone before and after, and
//     deletes a record that was written too late.
//   - An idle timeout costs at most one write in a sixteenth of the timeout. The cookie
//     lasts until the session's deadline, so that recording a use sends no cookie.
//   - Of several cookies of the session's name, the first whose record opens counts. A visitor
//     whose record does not decode has a new session.
//
// # Limits
//
// While a late record is written and deleted again, for one round trip to the store, another
// request can still read it. A process that dies within that round trip leaves the record
// open until it is deleted again, next written, or touched. The store's reads must see finished
// writes: do not read from a lagging replica.
//
// A running request keeps the user that it has read. Session ids never enter logs and errors.
package session
