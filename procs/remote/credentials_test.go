//go:build linux

package remote

import (
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"switchyard/procs/internal/proctest/wait"
)

// foreign starts a server that is not of this package.
func foreign(t *testing.T, opts *server.Options) string {
	t.Helper()
	opts.Host, opts.Port, opts.NoSigs, opts.NoLog, opts.JetStream = "127.0.0.1", server.RANDOM_PORT, true, true, true
	opts.StoreDir = t.TempDir()
	s := must(server.NewServer(opts))(t)
	go s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(wait.Patience) {
		t.Fatalf("the server does not start: %+v", opts)
	}
	return s.ClientURL()
}

// account is an account of a server with an operator, and credentials of its
// users.
type account struct{ pair nkeys.KeyPair }

// credentials returns those of a user of the account, as a file.
func (a account) credentials(t *testing.T, expires time.Time) string {
	t.Helper()
	user := must(nkeys.CreateUser())(t)
	claims := jwt.NewUserClaims(must(user.PublicKey())(t))
	claims.Expires = expires.Unix()
	token := must(claims.Encode(a.pair))(t)
	file := must(jwt.FormatUserConfig(token, must(user.Seed())(t)))(t)
	path := filepath.Join(t.TempDir(), "user.creds")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// withOperator returns options of a server with an operator, and an account of
// it.
func withOperator(t *testing.T) (*server.Options, account) {
	t.Helper()
	operator := must(nkeys.CreateOperator())(t)
	claims := jwt.NewOperatorClaims(must(operator.PublicKey())(t))
	a := account{must(nkeys.CreateAccount())(t)}
	public := must(a.pair.PublicKey())(t)
	ac := jwt.NewAccountClaims(public)
	ac.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
	system := must(must(nkeys.CreateAccount())(t).PublicKey())(t)
	resolver := &server.MemAccResolver{}
	for _, c := range []*jwt.AccountClaims{ac, jwt.NewAccountClaims(system)} {
		if err := resolver.Store(c.Subject, must(c.Encode(operator))(t)); err != nil {
			t.Fatal(err)
		}
	}
	return &server.Options{TrustedOperators: []*jwt.OperatorClaims{claims}, SystemAccount: system, AccountResolver: resolver}, a
}

// With servers of others, whatever they want to see, the same code works; what
// they do not take is an error that says so.
func TestForeignServers(t *testing.T) {
	pair, stranger := must(nkeys.CreateUser())(t), must(nkeys.CreateUser())(t)
	nkey := func(p nkeys.KeyPair) nats.Option { return nats.Nkey(must(p.PublicKey())(t), p.Sign) }
	byKey := foreign(t, &server.Options{Nkeys: []*server.NkeyUser{{Nkey: must(pair.PublicKey())(t)}}})
	byAuthKey := foreign(t, &server.Options{Nkeys: []*server.NkeyUser{{Nkey: must(PublicKey(testKey))(t)}}})
	byPassword := foreign(t, &server.Options{Username: "u", Password: "p"})
	opts, a := withOperator(t)
	byOperator := foreign(t, opts)
	_, b := withOperator(t)
	tomorrow := time.Now().Add(24 * time.Hour)
	cert, roots := certificate(t)
	other, _ := certificate(t)
	byCertificate := foreign(t, &server.Options{TLS: true, TLSVerify: true, TLSTimeout: loginTimeout, Username: "u", Password: "p",
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}, ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert}})
	with := func(o ...nats.Option) Config { return Config{NoAuth: true, Options: o} }
	secure := func(c *tls.Config, o ...nats.Option) Config { return Config{NoAuth: true, TLS: c, Options: o} }
	mutual := &tls.Config{Certificates: []tls.Certificate{cert}, RootCAs: roots}
	for name, c := range map[string]struct {
		url    string
		good   Config
		refuse []Config
	}{
		"nkey":        {byKey, with(nkey(pair)), []Config{with(nkey(stranger)), with(), testConfig}},
		"key":         {byAuthKey, testConfig, []Config{with(nkey(stranger)), {AuthKey: []byte("another key, also long enough")}}},
		"password":    {byPassword, with(nats.UserInfo("u", "p")), []Config{with(nats.UserInfo("u", "x")), with(), with(nats.Token("p"))}},
		"credentials": {byOperator, with(nats.UserCredentials(a.credentials(t, tomorrow))), []Config{with(), with(nats.UserCredentials(b.credentials(t, tomorrow))), with(nats.UserCredentials(a.credentials(t, time.Now().Add(-time.Hour))))}},
		"certificate": {byCertificate, secure(mutual, nats.UserInfo("u", "p")), []Config{secure(mutual), secure(mutual, nats.UserInfo("u", "x"))}},
	} {
		s, err := Connect(soon(t), c.url, c.good)
		if err != nil {
			t.Error(name, err)
			continue
		}
		q := openQueue[int](t, s, "tasks", QueueConfig{})
		if err := q.Put(soon(t), 7); err != nil {
			t.Error(name, err)
		}
		if v, err := q.Get(soon(t)); v != 7 || err != nil {
			t.Error(name, v, err)
		}
		q.Close()
		s.Close()
		for i, config := range c.refuse {
			s, err := Connect(soon(t), c.url, config)
			if err == nil {
				s.Close()
			}
			if !errors.Is(err, ErrAuthentication) {
				t.Error(name, i, err)
			}
		}
	}
	for what, config := range map[string]Config{
		"signed by unknown authority":               secure(&tls.Config{Certificates: []tls.Certificate{cert}}, nats.UserInfo("u", "p")),
		"the server does not take this certificate": secure(&tls.Config{RootCAs: roots}, nats.UserInfo("u", "p")),
		ErrAuthentication.Error():                   secure(&tls.Config{RootCAs: roots, Certificates: []tls.Certificate{other}}, nats.UserInfo("u", "p")),
	} {
		if s, err := Connect(soon(t), byCertificate, config); err == nil || !strings.Contains(err.Error(), what) {
			t.Error(what, s, err)
		}
	}
	// Without JetStream there is nothing that is kept.
	opts = &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true}
	plain := must(server.NewServer(opts))(t)
	go plain.Start()
	defer func() { plain.Shutdown(); plain.WaitForShutdown() }()
	if !plain.ReadyForConnections(wait.Patience) {
		t.Fatal("the server does not start")
	}
	s := must(Connect(soon(t), plain.ClientURL(), with()))(t)
	defer s.Close()
	if _, err := OpenQueue[int](soon(t), s, "tasks", QueueConfig{}); err == nil || !strings.Contains(strings.ToLower(err.Error()), "jetstream") {
		t.Error(err)
	}
}
