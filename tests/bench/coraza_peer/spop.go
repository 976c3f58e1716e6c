// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
)

// What of SPOP 2.0 (HAProxy's doc/SPOE.txt) the benchmark needs: whole frames, one message in each.
const (
	haproxyHello  = 1
	haproxyNotify = 3
	sendHello     = 101
	sendBye       = 102
	sendAck       = 103
	maxFrame      = 1 << 20
	flagFin       = 1
	setVar        = 1
	scopeTxn      = 2
	typeNull      = 0
	typeBool      = 1
	typeUint32    = 3
	typeIPv4      = 6
	typeIPv6      = 7
	typeString    = 8
	typeBinary    = 9
)

var errMalformed = errors.New("malformed frame")

type frame struct {
	kind            byte
	stream, frameID uint64
	payload         []byte
}

func readFrame(r io.Reader) (frame, error) {
	var size [4]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return frame{}, err
	}
	length := binary.BigEndian.Uint32(size[:])
	if length < 7 || length > maxFrame {
		return frame{}, errMalformed
	}
	bytes := make([]byte, length)
	if _, err := io.ReadFull(r, bytes); err != nil {
		return frame{}, err
	}
	d := decoder{rest: bytes[5:]}
	f := frame{kind: bytes[0], stream: d.varint(), frameID: d.varint()}
	f.payload = d.rest
	if d.failed || binary.BigEndian.Uint32(bytes[1:5])&flagFin == 0 {
		return frame{}, errMalformed
	}
	return f, nil
}

type decoder struct {
	rest   []byte
	failed bool
}

func (d *decoder) byte() byte {
	if len(d.rest) == 0 {
		d.failed = true
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

func (d *decoder) varint() uint64 {
	first := uint64(d.byte())
	if first < 240 {
		return first
	}
	value := first
	for shift := 4; shift < 64; shift += 7 {
		next := uint64(d.byte())
		value += next << shift
		if next < 128 || d.failed {
			return value
		}
	}
	d.failed = true
	return 0
}

func (d *decoder) bytes() []byte {
	return d.take(d.varint())
}

func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.rest)) {
		d.failed = true
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

// value skips or returns one typed datum; numbers come back in n, addresses as their bytes.
func (d *decoder) value() (b []byte, n uint64) {
	tag := d.byte()
	switch tag & 15 {
	case typeNull:
	case typeBool:
		n = uint64(tag >> 4)
	case typeIPv4:
		b = d.take(4)
	case typeIPv6:
		b = d.take(16)
	case typeString, typeBinary:
		b = d.bytes()
	default:
		n = d.varint()
	}
	return
}

type hello struct {
	maxFrame    uint64
	healthcheck bool
}

func readHello(payload []byte) hello {
	h := hello{maxFrame: maxFrame}
	d := decoder{rest: payload}
	for len(d.rest) > 0 && !d.failed {
		name := string(d.bytes())
		_, n := d.value()
		switch name {
		case "max-frame-size":
			h.maxFrame = min(n, maxFrame)
		case "healthcheck":
			h.healthcheck = n == 1
		}
	}
	return h
}

type request struct {
	id, source, method, path, query, version string
	sourcePort                               int
	headers                                  [][2]string
	body                                     []byte
}

func readRequest(payload []byte) (request, error) {
	var r request
	d := decoder{rest: payload}
	d.bytes() // the message's name: there is only one
	for args := d.byte(); args > 0 && !d.failed; args-- {
		name := string(d.bytes())
		b, n := d.value()
		switch name {
		case "id":
			r.id = string(b)
		case "src":
			r.source = net.IP(b).String()
		case "port":
			r.sourcePort = int(n)
		case "method":
			r.method = string(b)
		case "path":
			r.path = string(b)
		case "query":
			r.query = string(b)
		case "ver":
			r.version = string(b)
		case "hdrs":
			r.headers = readHeaders(b)
		case "body":
			r.body = b
		}
	}
	if d.failed {
		return r, errMalformed
	}
	return r, nil
}

func readHeaders(b []byte) [][2]string {
	headers := make([][2]string, 0, 32)
	d := decoder{rest: b}
	for !d.failed {
		name, value := d.bytes(), d.bytes()
		if len(name) == 0 {
			break
		}
		headers = append(headers, [2]string{string(name), string(value)})
	}
	return headers
}

func appendVarint(b []byte, n uint64) []byte {
	if n < 240 {
		return append(b, byte(n))
	}
	b = append(b, byte(n)|240)
	n = (n - 240) >> 4
	for n >= 128 {
		b = append(b, byte(n)|128)
		n = (n - 128) >> 7
	}
	return append(b, byte(n))
}

func appendString(b []byte, s string) []byte {
	return append(appendVarint(b, uint64(len(s))), s...)
}

func appendText(b []byte, name, value string) []byte {
	return appendString(append(appendString(b, name), typeString), value)
}

func begin(kind byte, stream, id uint64) []byte {
	b := make([]byte, 4, 64)
	b = append(b, kind, 0, 0, 0, flagFin)
	return appendVarint(appendVarint(b, stream), id)
}

func end(b []byte) []byte {
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

func (h hello) answer() []byte {
	b := begin(sendHello, 0, 0)
	b = appendText(b, "version", "2.0")
	b = appendVarint(append(appendString(b, "max-frame-size"), typeUint32), h.maxFrame)
	return end(appendText(b, "capabilities", "pipelining"))
}

func agentDisconnect() []byte {
	b := begin(sendBye, 0, 0)
	b = appendVarint(append(appendString(b, "status-code"), typeUint32), 0)
	return end(appendText(b, "message", "bye"))
}

func ack(f frame, action string) []byte {
	b := begin(sendAck, f.stream, f.frameID)
	b = append(b, setVar, 3, scopeTxn)
	return end(appendText(b, "action", action))
}
