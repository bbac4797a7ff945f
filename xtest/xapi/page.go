package xapi

import (
	"encoding/base32"
	"encoding/binary"
	"hash/fnv"
	"strings"
)

// pageOf cuts one page out of a list whose keys fall. Pages hang on the keys at their edges and not on positions: a post
// written between two calls moves nothing.
func (c *call) pageOf(keys []uint64, size int) (low, high int, meta map[string]any) {
	meta = map[string]any{}
	forward, edge, ok := c.pageToken(c.Query.Get("pagination_token"))
	if !ok {
		v := c.Query.Get("pagination_token")
		c.AddFault("pagination_token", []string{v}, "The `pagination_token` query parameter value [%s] is not valid", v)
		return 0, 0, meta
	}
	switch {
	case edge == 0:
	case forward:
		for low < len(keys) && keys[low] >= edge {
			low++
		}
	default:
		for low < len(keys) && keys[low] > edge {
			low++
		}
		low = max(low-size, 0)
	}
	high = min(low+size, len(keys))
	meta["result_count"] = high - low
	if high > low && high < len(keys) {
		meta["next_token"] = c.newPageToken('n', keys[high-1])
	}
	if high > low && low > 0 {
		meta["previous_token"] = c.newPageToken('p', keys[low])
	}
	return low, high, meta
}

var tokenAlphabet = base32.HexEncoding.WithPadding(base32.NoPadding)

// newPageToken names the list as well as the place: X refuses a token of another list.
func (c *call) newPageToken(direction byte, edge uint64) string {
	b := append([]byte{direction}, binary.BigEndian.AppendUint64(nil, edge)...)
	return strings.ToLower(tokenAlphabet.EncodeToString(binary.BigEndian.AppendUint32(b, c.listHash())))
}

func (c *call) pageToken(s string) (forward bool, edge uint64, ok bool) {
	if s == "" {
		return true, 0, !c.Query.Has("pagination_token")
	}
	b, err := tokenAlphabet.DecodeString(strings.ToUpper(s))
	if err != nil || len(b) != 13 || b[0] != 'n' && b[0] != 'p' || binary.BigEndian.Uint32(b[9:]) != c.listHash() {
		return false, 0, false
	}
	return b[0] == 'n', binary.BigEndian.Uint64(b[1:]), true
}

func (c *call) listHash() uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(c.Request.URL.Path))
	return h.Sum32()
}
