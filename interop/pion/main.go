// A DTLS peer on pion/dtls for ours to talk to: echoes lines, holds connection ids, moves to other ports.
//
//	pion-peer server|client PORT CREDENTIALS SUITE [cid=N] [mtu=N] [host=NAME]
//
// SUITE is a name of the map below. cid=N asks for connection ids of N bytes; cid=0 offers to send them only.
// A client reads commands: "send TEXT", "rebind" (a new local port), "again" (a new handshake; the session is offered),
// "restart" (a new handshake from the same port, without a word to the old one), "close". Both print
// "ready", "connected SUITE SESSION", "got TEXT", "closed", "failed WHY". The server answers "TEXT" by "echo TEXT".
package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/elliptic"
)

var suites = map[string]dtls.CipherSuiteID{
	"psk-ccm8":      dtls.TLS_PSK_WITH_AES_128_CCM_8,
	"psk-ccm":       dtls.TLS_PSK_WITH_AES_128_CCM,
	"psk-gcm":       dtls.TLS_PSK_WITH_AES_128_GCM_SHA256,
	"psk-cbc":       dtls.TLS_PSK_WITH_AES_128_CBC_SHA256,
	"ecdhe-psk-cbc": dtls.TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256,
	"x509-ccm8":     dtls.TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8,
	"x509-ccm":      dtls.TLS_ECDHE_ECDSA_WITH_AES_128_CCM,
	"x509-gcm":      dtls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
}

// A socket whose local port can change under an association.
type socket struct {
	lock sync.Mutex
	net.PacketConn
	read time.Time
}

func bind(port int) (net.PacketConn, error) {
	return net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port})
}

func (s *socket) now() net.PacketConn {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.PacketConn
}

func (s *socket) rebind() error {
	fresh, err := bind(0)
	if err != nil {
		return err
	}
	s.lock.Lock()
	old := s.PacketConn
	s.PacketConn = fresh
	fresh.SetReadDeadline(s.read)
	s.lock.Unlock()
	return old.Close()
}

func (s *socket) ReadFrom(bytes []byte) (int, net.Addr, error) {
	for {
		now := s.now()
		n, from, err := now.ReadFrom(bytes)
		if err != nil && now != s.now() {
			continue
		}
		return n, from, err
	}
}

func (s *socket) WriteTo(bytes []byte, to net.Addr) (int, error) { return s.now().WriteTo(bytes, to) }

func (s *socket) SetReadDeadline(at time.Time) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.read = at
	return s.PacketConn.SetReadDeadline(at)
}

// Sessions by the key that pion gives: the server's address for a client, the session id for a server.
type sessions struct {
	lock sync.Mutex
	kept map[string]dtls.Session
}

func (s *sessions) forget() {
	s.lock.Lock()
	defer s.lock.Unlock()
	clear(s.kept)
}

func (s *sessions) Set(key []byte, session dtls.Session) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	s.kept[string(key)] = session
	return nil
}

func (s *sessions) Get(key []byte) (dtls.Session, error) {
	s.lock.Lock()
	defer s.lock.Unlock()
	return s.kept[string(key)], nil
}

func (s *sessions) Del(key []byte) error {
	s.lock.Lock()
	defer s.lock.Unlock()
	delete(s.kept, string(key))
	return nil
}

type arguments struct {
	role, folder, suite string
	port                int
	extra               map[string]string
	sessions            *sessions
}

func (a arguments) file(name string) string { return filepath.Join(a.folder, name) }

// What client and server have in common.
func (a arguments) options() ([]dtls.Option, error) {
	id, known := suites[a.suite]
	if !known {
		return nil, fmt.Errorf("no such suite: %s", a.suite)
	}
	options := []dtls.Option{
		dtls.WithCipherSuites(id),
		dtls.WithEllipticCurves(elliptic.P256),
		dtls.WithSessionStore(a.sessions),
	}
	if strings.Contains(a.suite, "psk") {
		identity, err := os.ReadFile(a.file("psk.identity"))
		if err != nil {
			return nil, err
		}
		text, err := os.ReadFile(a.file("psk.key"))
		if err != nil {
			return nil, err
		}
		key, err := hex.DecodeString(strings.TrimSpace(string(text)))
		if err != nil {
			return nil, err
		}
		options = append(options, dtls.WithPSK(func(asked []byte) ([]byte, error) {
			if a.role == "server" && string(asked) != string(identity) {
				return nil, fmt.Errorf("an unknown identity %q", asked)
			}
			return key, nil
		}))
		if a.role == "client" {
			options = append(options, dtls.WithPSKIdentityHint(identity))
		}
	} else {
		pair, err := tls.LoadX509KeyPair(a.file(a.role+".pem"), a.file(a.role+".key"))
		if err != nil {
			return nil, err
		}
		options = append(options, dtls.WithCertificates(pair))
	}
	if text, asked := a.extra["cid"]; asked {
		length, err := strconv.Atoi(text)
		if err != nil {
			return nil, err
		}
		generator := dtls.OnlySendCIDGenerator()
		if length > 0 {
			generator = dtls.RandomCIDGenerator(length)
		}
		options = append(options, dtls.WithConnectionIDGenerator(generator))
	}
	if text, asked := a.extra["mtu"]; asked {
		mtu, err := strconv.Atoi(text)
		if err != nil {
			return nil, err
		}
		options = append(options, dtls.WithMTU(mtu))
	}
	return options, nil
}

func (a arguments) authority() (*x509.CertPool, error) {
	pem, err := os.ReadFile(a.file("ca.pem"))
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("ca.pem holds no certificate")
	}
	return pool, nil
}

func connected(conn *dtls.Conn) {
	state, _ := conn.ConnectionState()
	fmt.Printf("connected %04X %s\n", uint16(state.CipherSuiteID), hex.EncodeToString(state.SessionID))
}

// Prints what comes in, until the association ends.
func hear(conn net.Conn, answer bool) {
	bytes := make([]byte, 16384)
	for {
		n, err := conn.Read(bytes)
		if err != nil {
			fmt.Println("closed")
			return
		}
		text := strings.TrimRight(string(bytes[:n]), "\r\n")
		fmt.Println("got", text)
		if answer {
			if _, err := conn.Write([]byte("echo " + text + "\n")); err != nil {
				fmt.Println("failed", err)
				return
			}
		}
	}
}

func server(a arguments) error {
	common, err := a.options()
	if err != nil {
		return err
	}
	var options []dtls.ServerOption
	for _, option := range common {
		options = append(options, option)
	}
	if !strings.Contains(a.suite, "psk") {
		pool, err := a.authority()
		if err != nil {
			return err
		}
		options = append(options, dtls.WithClientAuth(dtls.RequireAndVerifyClientCert), dtls.WithClientCAs(pool))
	}
	listener, err := dtls.ListenWithOptions("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: a.port}, options...)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for {
		accepted, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			conn := accepted.(*dtls.Conn)
			if err := shake(conn); err != nil {
				fmt.Println("failed", err)
				return
			}
			hear(conn, true)
		}()
	}
}

func shake(conn *dtls.Conn) error {
	patience, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := conn.HandshakeContext(patience); err != nil {
		return err
	}
	connected(conn)
	return nil
}

func client(a arguments) error {
	common, err := a.options()
	if err != nil {
		return err
	}
	var options []dtls.ClientOption
	for _, option := range common {
		options = append(options, option)
	}
	if !strings.Contains(a.suite, "psk") {
		pool, err := a.authority()
		if err != nil {
			return err
		}
		options = append(options, dtls.WithRootCAs(pool))
	}
	host := "localhost"
	if text, asked := a.extra["host"]; asked {
		host = text
	}
	options = append(options, dtls.WithServerName(host))
	there := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: a.port}
	var conn *dtls.Conn
	var below *socket
	dial := func(port int) error {
		inner, err := bind(port)
		if err != nil {
			return err
		}
		below = &socket{PacketConn: inner}
		if conn, err = dtls.ClientWithOptions(below, there, options...); err != nil {
			return err
		}
		if err := shake(conn); err != nil {
			return err
		}
		go hear(conn, false)
		return nil
	}
	fmt.Println("ready")
	if err := dial(0); err != nil {
		fmt.Println("failed", err)
		return nil
	}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		command, rest, _ := strings.Cut(lines.Text(), " ")
		var err error
		switch command {
		case "send":
			_, err = conn.Write([]byte(rest + "\n"))
		case "rebind":
			err = below.rebind()
		case "again":
			conn.Close()
			err = dial(0)
		case "restart":
			// The socket goes first, so that no close_notify can leave.
			port := below.LocalAddr().(*net.UDPAddr).Port
			below.Close()
			conn.Close()
			a.sessions.forget()
			err = dial(port)
		case "close":
			err = conn.Close()
		default:
			err = errors.New("no such command: " + command)
		}
		if err != nil {
			fmt.Println("failed", err)
		}
	}
	return nil
}

func run() error {
	if len(os.Args) < 5 {
		return errors.New("usage: pion-peer server|client PORT CREDENTIALS SUITE [cid=N] [mtu=N] [host=NAME]")
	}
	port, err := strconv.Atoi(os.Args[2])
	if err != nil {
		return err
	}
	a := arguments{role: os.Args[1], port: port, folder: os.Args[3], suite: os.Args[4], extra: map[string]string{},
		sessions: &sessions{kept: map[string]dtls.Session{}}}
	for _, text := range os.Args[5:] {
		name, value, _ := strings.Cut(text, "=")
		a.extra[name] = value
	}
	switch a.role {
	case "server":
		return server(a)
	case "client":
		return client(a)
	}
	return errors.New("no such role: " + a.role)
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
