// Package seal encrypts short values under an ordered list of secrets, so that a
// secret can be replaced while values sealed with the old one still open.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"

	"github.com/xsignin/xsignin/internal/redact"
)

// MinSecret is the least length of a secret in bytes.
const MinSecret = 32

const (
	format    = 1
	idLen     = 4
	headerLen = 1 + idLen
	// A 96-bit nonce in front and a 128-bit tag behind the ciphertext.
	overhead = 12 + 16
	// placeLen is what most places take at most.
	placeLen = 128
)

// ErrOpen says that a value does not open. It is damaged, or was sealed for another
// purpose or place. AES-GCM does not tell which.
var ErrOpen = errors.New("seal: the value is damaged or was sealed for another place")

// UnknownKeyError says that the Box does not have the secret that sealed a value.
type UnknownKeyError struct {
	// ID is the secret's id in hexadecimal, see [Box].
	ID string
}

// Error implements error.
func (e *UnknownKeyError) Error() string {
	return fmt.Sprintf("seal: the value was sealed with the secret of id %s, which is not among those given", e.ID)
}

// Box seals values with AES-256-GCM and a random nonce. The newest secret seals, and all of them
// open.
//
// A sealed value reveals neither a secret nor a key. HKDF-SHA256 (RFC 5869) derives from each
// secret one key for the purpose and, with another info string, the four bytes of its id. So a
// value sealed for one purpose never opens for another.
//
// NIST SP 800-38D, section 8.3, allows at most 2^32 values for one key with random
// nonces. A Box does not count them: replace the secret before that.
//
// Goroutines may share a Box. It prints no secret.
type Box struct {
	keys []key
}

type key struct {
	id   string
	aead cipher.AEAD
}

// New returns a Box for secrets, newest first, each of at least [MinSecret] random bytes. It
// keeps no reference to them. The error names every secret that is too short.
func New(secrets [][]byte, purpose string) (*Box, error) {
	if len(secrets) == 0 {
		return nil, fmt.Errorf("seal: no secret given; at least one of %d random bytes is needed", MinSecret)
	}
	var faults []error
	keys := make([]key, len(secrets))
	for i, secret := range secrets {
		var err error
		if len(secret) < MinSecret {
			err = fmt.Errorf("has %d bytes; at least %d random bytes are needed", len(secret), MinSecret)
		} else {
			keys[i], err = derive(secret, purpose)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("seal: secret %d of %d %w", i+1, len(secrets), err))
		}
	}
	return &Box{keys: keys}, errors.Join(faults...)
}

func derive(secret []byte, purpose string) (key, error) {
	// RFC 5869, section 3.1: secrets that are random need no salt.
	raw, err1 := hkdf.Key(sha256.New, secret, nil, purpose, 32)
	id, err2 := hkdf.Key(sha256.New, secret, nil, purpose+"\x00id", idLen)
	block, err3 := aes.NewCipher(raw)
	aead, err4 := cipher.NewGCMWithRandomNonce(block)
	return key{string(id), aead}, errors.Join(err1, err2, err3, err4)
}

// Seal returns plaintext sealed with the newest secret: a format byte, the
// secret's id, the nonce and the ciphertext, 33 bytes longer than plaintext. The
// result does not contain place, which [Box.Open] needs again.
func (b *Box) Seal(plaintext []byte, place ...string) []byte {
	k := b.keys[0]
	n := headerLen + overhead + len(plaintext)
	both := make([]byte, n, n+headerLen+placeLen) // the result, and what it is bound to
	sealed := both[:headerLen:n]
	sealed[0] = format
	copy(sealed[1:], k.id)
	return k.aead.Seal(sealed, nil, plaintext, bind(both[n:], sealed, place))
}

// Open returns what was sealed for the same place. The error is
// [ErrOpen], or an [*UnknownKeyError] when none of the secrets has the id.
func (b *Box) Open(sealed []byte, place ...string) ([]byte, error) {
	if len(sealed) < headerLen+overhead || sealed[0] != format {
		return nil, ErrOpen
	}
	header, body := sealed[:headerLen], sealed[headerLen:]
	known := false
	for _, k := range b.keys {
		if k.id != string(header[1:]) {
			continue
		}
		// Ids are short, so two secrets may share one: go on after a failure.
		known = true
		if plaintext, err := k.aead.Open(nil, nil, body, bind(make([]byte, 0, headerLen+placeLen), header, place)); err == nil {
			return plaintext, nil
		}
	}
	if !known {
		return nil, &UnknownKeyError{ID: hex.EncodeToString(header[1:])}
	}
	return nil, ErrOpen
}

// Newest reports whether sealed names the newest secret. It does not open it.
func (b *Box) Newest(sealed []byte) bool {
	return len(sealed) >= headerLen && sealed[0] == format && string(sealed[1:headerLen]) == b.keys[0].id
}

// bind appends what AES-GCM authenticates in addition: the format, the id and the place, with
// the lengths of its parts, so that no two places are the same.
func bind(b, header []byte, place []string) []byte {
	b = append(b, header...)
	for _, part := range place {
		b = append(binary.AppendUvarint(b, uint64(len(part))), part...)
	}
	return b
}

// Format implements [fmt.Formatter] without printing keys.
func (b Box) Format(f fmt.State, _ rune) { redact.Format(f, b) }

// LogValue implements [slog.LogValuer].
func (b Box) LogValue() slog.Value { return redact.Value("seal.Box(%d secrets)", len(b.keys)) }
