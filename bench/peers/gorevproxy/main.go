// Command gorevproxy is the proxy that most Go programs would write for the
// job: httputil.ReverseProxy with a Rewrite that moves the token.
package main

import (
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: gorevproxy LISTEN UPSTREAM")
	}
	upstream := &url.URL{Scheme: "http", Host: os.Args[2]}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 64
	transport.DisableCompression = true
	proxy := &httputil.ReverseProxy{
		Transport: transport,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(upstream)
			r.Out.Host = r.In.Host
			query := r.In.URL.Query()
			if token := query.Get("access_token"); token != "" {
				r.Out.Header.Set("Authorization", "Bearer "+token)
				query.Del("access_token")
				r.Out.URL.RawQuery = query.Encode()
			}
		},
	}
	log.Fatal(http.ListenAndServe(os.Args[1], proxy))
}
