package hubtls_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"time"

	"switchyard/greenlet/hub"
	"switchyard/greenlet/hub/hubtls"
)

// A server and a client on one hub.
func Example() {
	cert, trust, err := certificate()
	if err != nil {
		fmt.Println(err)
		return
	}
	err = hub.Run(func(h *hub.Hub) error {
		l, err := h.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		server := &hub.StreamServer{Handle: func(c *hub.Conn) error {
			s := hubtls.Server(h, c, &tls.Config{Certificates: []tls.Certificate{cert}})
			defer s.Close()
			_, err := io.Copy(s, s)
			return err
		}}
		server.Start(h, l)

		below, err := h.Dial("tcp", l.Addr().String())
		if err != nil {
			return err
		}
		c := hubtls.Client(h, below, &tls.Config{RootCAs: trust, ServerName: "127.0.0.1"})
		defer c.Close()
		if _, err := io.WriteString(c, "a secret"); err != nil {
			return err
		}
		if err := c.CloseWrite(); err != nil {
			return err
		}
		answer, err := io.ReadAll(c)
		fmt.Printf("%s, %s\n", answer, tls.VersionName(c.ConnectionState().Version))
		if err != nil {
			return err
		}
		return server.Stop(-1)
	})
	fmt.Println(err)
	// Output:
	// a secret, TLS 1.3
	// <nil>
}

// certificate makes a certificate for 127.0.0.1 and a pool that trusts it.
func certificate() (cert tls.Certificate, trust *x509.CertPool, err error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return cert, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return cert, nil, err
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return cert, nil, err
	}
	trust = x509.NewCertPool()
	trust.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, trust, nil
}
