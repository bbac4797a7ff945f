package session_test

import (
	"bytes"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/session"
)

func TestARecordComesBackAsItWas(t *testing.T) {
	t.Parallel()
	codec := newManager(t, session.Config{}).SCS().Codec
	deadline := time.Date(2030, 1, 2, 3, 4, 5, 678e6, time.UTC)
	long := user(strings.Repeat("ö", 3000))
	bare := provider.User{Provider: "x", ID: "1"}
	for _, values := range []map[string]any{
		{},
		{"xsignin": session.Identity(user("ann"))},
		{"xsignin": session.Identity(bare)},
		{"xsignin": session.Identity(long)},
		{"n": 1, "s": "string", "b": []byte("bytes"), "f": 1.5, "t": true},
		{"xsignin": session.Identity(user("ann")), "n": 1},
	} {
		before := fmt.Sprint(values)
		b, err := codec.Encode(deadline, values)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(values) != before {
			t.Errorf("encoding changed %v", values)
		}
		d, got, err := codec.Decode(b)
		if u := session.UserIn(values["xsignin"]); u != (provider.User{}) && session.UserIn(got["xsignin"]) == u {
			got["xsignin"] = values["xsignin"] // but for the time of its use
		}
		if err != nil || !d.Equal(deadline) || !reflect.DeepEqual(got, values) {
			t.Errorf("%v came back as %v, %v, %v", values, d, got, err)
		}
	}
	if _, err := codec.Encode(deadline, map[string]any{"f": func() {}}); err == nil {
		t.Error("a function was encoded")
	}
}

func TestARecordIsSmall(t *testing.T) {
	t.Parallel()
	codec := newManager(t, session.Config{}).SCS().Codec
	u := user("ann")
	text := len(u.Provider + u.AccountID + u.ID + u.Username + u.Name + u.AvatarURL + u.Email)
	b, err := codec.Encode(time.Now(), map[string]any{"xsignin": session.Identity(u)})
	if err != nil || len(b) > text+64 {
		t.Errorf("%d bytes for %d bytes of text, %v", len(b), text, err)
	}
}

func TestNewReadsTheRecordsOfScs(t *testing.T) {
	t.Parallel()
	// The application used Over with scs's codec and changes to New.
	spy := newSpy()
	sm := scs.New()
	sm.Store, sm.HashTokenInStore, sm.Cookie.Name = spy, true, "xsignin"
	over, err := session.FromSCS(sm, session.FromSCSConfig{Logger: quiet(), Secrets: secrets})
	if err != nil {
		t.Fatal(err)
	}
	w, r := request(over, "")
	over.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sm.Put(r.Context(), "value", "kept")
		if err := over.SignIn(w, r, user("ann")); err != nil {
			t.Error(err)
		}
	})).ServeHTTP(w, r)
	token := sent(t, w).Value

	m := newManager(t, session.Config{Store: spy, IdleTimeout: time.Hour})
	// The user has to sign in again, and the values stay.
	wantUser(t, m, token, "")
	for range 2 { // the first visit writes the record anew, in our own format
		w, r = request(m, token)
		m.LoadAndSave(site(t, m)).ServeHTTP(w, withPath(r, "/value"))
		if w.Body.String() != "kept" {
			t.Errorf("%q", w.Body)
		}
	}
	all, _ := m.SCS().Store.(scs.IterableStore).All()
	for _, b := range all {
		if b[0] != 0xb3 {
			t.Errorf("the record still begins with %#x", b[0])
		}
	}
	// A gob record without values, and one whose identity is not ours.
	for _, values := range []map[string]any{nil, {"xsignin": "somebody"}, {"xsignin": 7}} {
		b, err := scs.GobCodec{}.Encode(time.Now(), values)
		if err != nil {
			t.Fatal(err)
		}
		if _, got, err := m.SCS().Codec.Decode(b); err != nil || got == nil || len(got) != 0 {
			t.Errorf("%v, %v", got, err)
		}
	}
}

func FuzzRecord(f *testing.F) {
	m := newManager(f, session.Config{Store: newSpy()})
	codec := m.SCS().Codec
	for _, values := range []map[string]any{{}, {"xsignin": session.Identity(user("ann"))}, {"n": 1, "xsignin": session.Identity(user("ann"))}} {
		b, err := codec.Encode(time.Now(), values)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)-1])
		f.Add(b[:20])
	}
	gob, _ := scs.GobCodec{}.Encode(time.Now(), map[string]any{"n": 1})
	f.Add(gob)
	f.Add([]byte("\xb0xsignin: ended"))
	f.Add(append(bytes.Repeat([]byte{0xb2}, 17), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1))
	f.Fuzz(func(t *testing.T, b []byte) {
		before := bytes.Clone(b)
		d, values, err := codec.Decode(b)
		if !bytes.Equal(b, before) {
			t.Error("decoding changed the record")
		}
		if err != nil {
			return
		}
		again, err := codec.Encode(d, values)
		if err != nil {
			t.Fatalf("what decodes does not encode: %v", err)
		}
		if d2, values2, err := codec.Decode(again); err != nil || !d2.Equal(d.Truncate(time.Millisecond)) || len(values2) != len(values) {
			t.Fatalf("%v %v came back as %v %v, %v", d, values, d2, values2, err)
		}
	})
}
