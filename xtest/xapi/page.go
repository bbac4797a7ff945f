package xapi

import (
	"fmt"
	"hash/fnv"
	"strconv"
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

// newPageToken names the list as well as the place: X refuses a token of another list.
func (c *call) newPageToken(direction byte, edge uint64) string {
	return fmt.Sprintf("%c%016x%08x", direction, edge, c.listHash())
}

func (c *call) pageToken(s string) (forward bool, edge uint64, ok bool) {
	if s == "" {
		return true, 0, !c.Query.Has("pagination_token")
	}
	if len(s) != 25 || s[0] != 'n' && s[0] != 'p' {
		return false, 0, false
	}
	edge, err := strconv.ParseUint(s[1:17], 16, 64)
	return s[0] == 'n', edge, err == nil && s == c.newPageToken(s[0], edge)
}

func (c *call) listHash() uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(c.Request.URL.Path))
	return h.Sum32()
}
