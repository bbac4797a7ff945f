package storetest

import (
	"time"

	"github.com/xsignin/xsignin/tokenstore"
)

func entryRules() []rule {
	return []rule{
		{
			"a key without an entry is not found",
			"Without an entry Get returns ErrNotFound, Replace and Lease return ErrConflict, and Delete and Release are no errors.",
			func(s *subject) {
				s.absent(key())
				s.conflicts(key(), "1", "value")
				_, err := s.Lease(s.ctx, key(), "1", time.Second)
				s.is("Lease of a key without an entry", err, tokenstore.ErrConflict)
				s.removeVersion(key(), "1")
				s.removeVersion(key(), "")
				s.release(key(), "1")
				s.release(key(), "")
				s.absent(key())
			},
		},
		{
			"a write replaces whatever was there",
			"Put writes the value whether or not there is an entry, and returns the new version.",
			func(s *subject) {
				v1 := s.put(key(), "one")
				s.holds(key(), "one", v1)
				v2 := s.put(key(), "two")
				s.holds(key(), "two", v2)
				s.check(v1 != v2, "two writes have the same version %q", v1)
			},
		},
		{
			"a deleted entry is gone",
			"Delete removes the entry in the version named. A key without an entry is not an error.",
			func(s *subject) {
				v := s.put(key(), "one")
				s.removeVersion(key(), v)
				s.absent(key())
				s.removeVersion(key(), v)
				s.removeVersion(key(), "")
				s.holds(key(), "two", s.put(key(), "two"))
			},
		},
		{
			"a slice belongs to whoever made or got it",
			"A store keeps its own copy of a value, and the caller owns the slice that Get returns.",
			func(s *subject) {
				value := []byte("value")
				v, err := s.Put(s.ctx, key(), value)
				s.must(err == nil, "Put: %v", err)
				value[0] = 'X'
				s.holds(key(), "value", v)
				e := s.get(key())
				e.Value[1] = 'X'
				_ = append(e.Value, "more"...)
				s.holds(key(), "value", v)
				value = []byte("other")
				v, err = s.Replace(s.ctx, key(), v, value)
				s.must(err == nil, "Replace: %v", err)
				value[0] = 'X'
				s.holds(key(), "other", v)
			},
		},
		{
			"keys leave each other alone",
			"Nothing that is done to one key changes another, neither its entry nor its lease.",
			func(s *subject) {
				theirs := []tokenstore.Key{key(), key(), key()}
				theirs[0].Provider, theirs[1].UserID, theirs[2].AccountID = "x-oauth1", "13", "7"
				versions := make([]tokenstore.Version, len(theirs))
				for i, k := range theirs {
					versions[i] = s.put(k, "theirs")
					s.lease(k, versions[i], long)
				}
				v := s.put(key(), "ours")
				s.release(key(), s.lease(key(), v, long))
				v = s.replace(key(), v, "ours")
				s.lease(key(), v, long)
				s.remove(key())
				for i, k := range theirs {
					s.holds(k, "theirs", versions[i])
					s.leased(k, versions[i], long)
				}
			},
		},
		{
			"two handles are one store",
			"A write that returned nil is seen by every read that begins afterwards, on every replica, and so are leases.",
			func(s *subject) {
				other := s.replica()
				v := s.put(key(), "one")
				other.holds(key(), "one", v)
				v2 := other.replace(key(), v, "two")
				s.holds(key(), "two", v2)
				s.conflicts(key(), v, "late")
				id := s.lease(key(), v2, long)
				other.leased(key(), v2, long)
				other.release(key(), id)
				s.lease(key(), v2, long)
				other.remove(key())
				s.absent(key())
			},
		},
	}
}

func versionRules() []rule {
	return []rule{
		{
			"a conditional write needs the version that was read",
			"Replace writes if the entry has the version named. If the entry has another version Replace returns ErrConflict and changes nothing.",
			func(s *subject) {
				v1 := s.put(key(), "one")
				v2 := s.replace(key(), v1, "two")
				s.holds(key(), "two", v2)
				s.conflicts(key(), v1, "late")
				s.holds(key(), "two", v2)
				v3 := s.put(key(), "three")
				s.conflicts(key(), v2, "late")
				s.holds(key(), "three", v3)
			},
		},
		{
			"a delete needs the version that was read",
			"If the entry has another version Delete returns ErrConflict and changes nothing, also when a new entry was made in its place.",
			func(s *subject) {
				conflict := func(v tokenstore.Version) {
					s.t.Helper()
					err := s.Delete(s.ctx, key(), v)
					s.is("Delete of version "+short(string(v)), err, tokenstore.ErrConflict)
				}
				v1 := s.put(key(), "one")
				v2 := s.put(key(), "two")
				s.lease(key(), v2, long)
				for _, v := range []tokenstore.Version{v1, "", "0", "none", "\x00\xff", "' OR ''='", v2 + " "} {
					conflict(v)
					s.holds(key(), "two", v2)
					s.leased(key(), v2, long)
				}
				s.removeVersion(key(), v2)
				v3 := s.put(key(), "new sign-in")
				conflict(v2)
				s.holds(key(), "new sign-in", v3)
			},
		},
		{
			"a version that never was conflicts",
			"Versions are opaque. A version that the entry does not have is a conflict, whatever its bytes are, also if another store made it.",
			func(s *subject) {
				v := s.put(key(), "one")
				for _, strange := range []tokenstore.Version{"", "0", "-1", "none", "\x00\xff", "' OR ''='", "%", v + " ", v + v} {
					s.conflicts(key(), strange, "strange")
					_, err := s.Lease(s.ctx, key(), strange, time.Second)
					s.is("Lease of version "+short(string(strange)), err, tokenstore.ErrConflict)
				}
				s.holds(key(), "one", v)
			},
		},
		{
			"the zero version makes an entry where there is none",
			"Replace with the zero Version writes if there is no entry, also after one was deleted, and returns ErrConflict where there is one.",
			func(s *subject) {
				for _, value := range []string{"one", "two"} {
					v := s.replace(key(), "", value)
					s.holds(key(), value, v)
					s.conflicts(key(), "", "late")
					s.holds(key(), value, v)
					v = s.replace(key(), v, value+" more")
					s.holds(key(), value+" more", v)
					s.remove(key())
				}
				s.absent(key())
			},
		},
		{
			"a version does not come again",
			"A store never gives the same version to two states of one key, not even when the entry was deleted in between.",
			func(s *subject) {
				var seen []tokenstore.Version
				add := func(v tokenstore.Version) {
					for _, old := range seen {
						s.must(v != old, "version %q came twice", v)
					}
					seen = append(seen, v)
				}
				for range 10 {
					v := s.put(key(), "same")
					add(v)
					add(s.replace(key(), v, "same"))
					s.remove(key())
				}
				v := s.put(key(), "same")
				add(v)
				for _, old := range seen[:len(seen)-1] {
					s.conflicts(key(), old, "late")
				}
				s.holds(key(), "same", v)
			},
		},
		{
			"a late writer brings nothing back",
			"If the entry was deleted Replace returns ErrConflict and writes nothing, also after a new entry was made.",
			func(s *subject) {
				v := s.put(key(), "one")
				s.remove(key())
				s.conflicts(key(), v, "late")
				s.absent(key())
				v2 := s.put(key(), "new sign-in")
				s.conflicts(key(), v, "late")
				s.holds(key(), "new sign-in", v2)
			},
		},
	}
}
