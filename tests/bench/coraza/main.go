// SPDX-License-Identifier: Apache-2.0

// Coraza beside bench_waf, in one thread: CPU time per transaction of requests that bench_waf hands over.
//
//	coraza_waf RULES...
//
// Prints "ready" when it has loaded the rules. Standard input: a line "SECONDS LENGTH" and then that many bytes, a raw HTTP/1.1 request. Standard
// output: a line "MICROSECONDS STATUS" for each, where STATUS is 200 or that of the block. Measured as bench_waf measures: the quickest batch.
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"strings"
	"syscall"

	"github.com/corazawaf/coraza/v3"
)

const batch = 20

const preamble = `
SecRuleEngine On
SecRequestBodyAccess On
SecRule REQUEST_HEADERS:Content-Type "^application/json" "id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
`

type sample struct {
	method, uri, host string
	headers           [][2]string
	body              []byte
}

func parse(raw []byte) (*sample, error) {
	request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(raw)))
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(request.Body)
	s := &sample{method: request.Method, uri: request.RequestURI, host: request.Host, body: body}
	s.headers = append(s.headers, [2]string{"Host", request.Host})
	for name, values := range request.Header {
		for _, value := range values {
			s.headers = append(s.headers, [2]string{name, value})
		}
	}
	return s, err
}

const mark = "@@@@@@@@"

var count uint32

// next is the sample with the next number in its marks, as bench_waf has it.
func (s *sample) next() *sample {
	number := fmt.Sprintf("%08d", count*2654435761%100000000)
	count++
	out := &sample{method: s.method, uri: strings.ReplaceAll(s.uri, mark, number), host: s.host, headers: make([][2]string, len(s.headers))}
	for i, header := range s.headers {
		out.headers[i] = [2]string{header[0], strings.ReplaceAll(header[1], mark, number)}
	}
	out.body = bytes.ReplaceAll(s.body, []byte(mark), []byte(number))
	return out
}

func evaluate(waf coraza.WAF, s *sample) int {
	tx := waf.NewTransaction()
	defer tx.Close()
	defer tx.ProcessLogging()
	tx.ProcessConnection("192.0.2.7", 40000, "192.0.2.1", 443)
	tx.ProcessURI(s.uri, s.method, "HTTP/1.1")
	for _, header := range s.headers {
		tx.AddRequestHeader(header[0], header[1])
	}
	tx.SetServerName(s.host)
	if it := tx.ProcessRequestHeaders(); it != nil {
		return it.Status
	}
	if len(s.body) > 0 {
		if it, _, err := tx.WriteRequestBody(s.body); err != nil {
			return -1
		} else if it != nil {
			return it.Status
		}
	}
	if it, err := tx.ProcessRequestBody(); err != nil {
		return -1
	} else if it != nil {
		return it.Status
	}
	return 200
}

func cpuMicroseconds() float64 {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	of := func(t syscall.Timeval) float64 { return float64(t.Sec)*1e6 + float64(t.Usec) }
	return of(usage.Utime) + of(usage.Stime)
}

func measure(waf coraza.WAF, s *sample, seconds float64) (best float64, status int) {
	for i := 0; i < batch; i++ {
		status = evaluate(waf, s.next())
	}
	for spent := 0.0; spent < seconds*1e6; {
		start := cpuMicroseconds()
		for i := 0; i < batch; i++ {
			evaluate(waf, s.next())
		}
		us := cpuMicroseconds() - start
		if best == 0 || us < best {
			best = us
		}
		spent += us
	}
	return best / batch, status
}

func main() {
	runtime.GOMAXPROCS(1)
	config := coraza.NewWAFConfig().WithDirectives(preamble)
	for _, path := range os.Args[1:] {
		config = config.WithDirectives("Include " + path)
	}
	waf, err := coraza.NewWAF(config)
	if err != nil {
		fmt.Fprintln(os.Stderr, "coraza:", err)
		os.Exit(1)
	}
	fmt.Println("ready")
	in := bufio.NewReader(os.Stdin)
	for {
		var seconds float64
		var length int
		if _, err := fmt.Fscanf(in, "%f %d\n", &seconds, &length); err != nil {
			return
		}
		raw := make([]byte, length)
		if _, err := io.ReadFull(in, raw); err != nil {
			return
		}
		s, err := parse(raw)
		if err != nil {
			fmt.Fprintln(os.Stderr, "coraza:", err)
			os.Exit(1)
		}
		us, status := measure(waf, s, seconds)
		fmt.Printf("%.1f %d\n", us, status)
	}
}
