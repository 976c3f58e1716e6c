// SPDX-License-Identifier: Apache-2.0

// coraza-peer is a contender of the benchmark: Coraza and the CRS behind HAProxy's SPOE, as coraza-spoa has them, for where that
// program itself cannot be had. It is written to be fast: one goroutine for each request, headers taken in binary, all cores used, nothing
// logged. It is no part of the product.
//
//	coraza-peer ADDRESS DIRECTIVES-FILE
package main

import (
	"bufio"
	"fmt"
	"log"
	"net"
	"os"
	"sync"

	"github.com/corazawaf/coraza/v3"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: coraza-peer ADDRESS DIRECTIVES-FILE")
		os.Exit(64)
	}
	waf, err := coraza.NewWAF(coraza.NewWAFConfig().WithDirectivesFromFile(os.Args[2]))
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	for {
		conn, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go serve(waf, conn)
	}
}

// serve answers one connection of HAProxy until it ends.
func serve(waf coraza.WAF, conn net.Conn) {
	defer conn.Close()
	var writing sync.Mutex
	reader := bufio.NewReaderSize(conn, 256*1024)
	for {
		frame, err := readFrame(reader)
		if err != nil {
			return
		}
		switch frame.kind {
		case haproxyHello:
			hello := readHello(frame.payload)
			if _, err := conn.Write(hello.answer()); err != nil || hello.healthcheck {
				return
			}
		case haproxyNotify:
			go func() {
				answer := ack(frame, judge(waf, frame))
				writing.Lock()
				defer writing.Unlock()
				conn.Write(answer)
			}()
		default:
			conn.Write(agentDisconnect())
			return
		}
	}
}

// judge runs both request phases. The answer is "deny" or "pass", or "error" for what cannot be read.
func judge(waf coraza.WAF, frame frame) string {
	request, err := readRequest(frame.payload)
	if err != nil {
		return "error"
	}
	tx := waf.NewTransactionWithID(request.id)
	defer tx.Close()
	tx.ProcessConnection(request.source, request.sourcePort, "127.0.0.1", 443)
	uri := request.path
	if request.query != "" {
		uri += "?" + request.query
	}
	tx.ProcessURI(uri, request.method, "HTTP/"+request.version)
	for _, h := range request.headers {
		tx.AddRequestHeader(h[0], h[1])
		if h[0] == "host" {
			tx.SetServerName(h[1])
		}
	}
	denied := tx.ProcessRequestHeaders() != nil
	if !denied && len(request.body) > 0 && tx.IsRequestBodyAccessible() {
		interruption, _, err := tx.WriteRequestBody(request.body)
		if err != nil {
			return "error"
		}
		denied = interruption != nil
	}
	if !denied {
		interruption, err := tx.ProcessRequestBody()
		if err != nil {
			return "error"
		}
		denied = interruption != nil
	}
	tx.ProcessLogging()
	if denied {
		return "deny"
	}
	return "pass"
}
