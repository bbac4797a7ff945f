package xapi

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"
)

type imageInfo struct {
	mime          string
	width, height int
}

// readImage finds an image's true type and size. The four types are those that browsers show and that cannot carry
// scripts; SVG is not among them.
func readImage(data []byte) (imageInfo, bool) {
	var read func(io.Reader) (image.Config, error)
	mime := http.DetectContentType(data)
	switch mime {
	case "image/png":
		read = png.DecodeConfig
	case "image/jpeg":
		read = jpeg.DecodeConfig
	case "image/gif":
		read = gif.DecodeConfig
	case "image/webp":
		w, h, ok := webpSize(data)
		return imageInfo{mime, w, h}, ok
	default:
		return imageInfo{}, false
	}
	cfg, err := read(bytes.NewReader(data))
	return imageInfo{mime, cfg.Width, cfg.Height}, err == nil
}

// webpSize reads the size out of the first chunk of a WebP file, which is of one of three kinds.
func webpSize(data []byte) (width, height int, ok bool) {
	if len(data) < 30 {
		return 0, 0, false
	}
	chunk := data[20:]
	switch string(data[12:16]) {
	case "VP8 ":
		return int(binary.LittleEndian.Uint16(chunk[6:])) & 0x3fff, int(binary.LittleEndian.Uint16(chunk[8:])) & 0x3fff, true
	case "VP8L":
		bits := binary.LittleEndian.Uint32(chunk[1:])
		return int(bits&0x3fff) + 1, int(bits>>14&0x3fff) + 1, true
	case "VP8X":
		return int(uint24(chunk[4:])) + 1, int(uint24(chunk[7:])) + 1, true
	}
	return 0, 0, false
}

func uint24(b []byte) uint32 { return uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 }
