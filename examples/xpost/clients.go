package main

import (
	"context"
	"errors"
	"time"

	"github.com/xsignin/xsignin/client"
	"github.com/xsignin/xsignin/event"
	"github.com/xsignin/xsignin/provider"
)

// kitClients has the parts of the kit that a program without a web server needs: providers for
// signing in, a store that seals tokens, and HTTP clients that refresh the tokens.
type kitClients struct {
	*storage
	oauth2  provider.Provider // nil without X_CLIENT_ID
	oauth1  provider.Provider // nil without X_CONSUMER_KEY
	clients *client.Manager
	// notRevoked is the error of a revocation at X, or nil.
	notRevoked error
}

func openClients(ctx context.Context, w world, cfg config) (k *kitClients, err error) {
	k = &kitClients{}
	var providers []provider.Provider
	if cfg.clientID != "" {
		k.oauth2, err = provider.NewX(provider.OAuth2Config{
			ClientID: cfg.clientID, ClientSecret: cfg.clientSecret, CallbackURL: cfg.callbackURL, Scopes: cfg.scopes,
			APIURL: cfg.apiURL, AuthorizeURL: cfg.authorizeURL,
		})
		if err != nil {
			return nil, &configError{[]error{err}}
		}
		providers = append(providers, k.oauth2)
	}
	if cfg.consumerKey != "" {
		k.oauth1, err = provider.NewXOAuth1(provider.OAuth1Config{
			ConsumerKey: cfg.consumerKey, ConsumerSecret: cfg.consumerSecret, APIURL: cfg.apiURL,
			CallbackURL: "oob", // X shows a PIN
		})
		if err != nil {
			return nil, &configError{[]error{err}}
		}
		providers = append(providers, k.oauth1)
	}
	if k.storage, err = openStorage(ctx, cfg.file); err != nil {
		return nil, err
	}
	k.clients, err = client.New(client.Config{
		Vault: k.vault, Providers: providers,
		OnEvent: func(_ context.Context, e event.Event) {
			if e.Kind == event.RevokeFailed {
				k.notRevoked = e.Err
			}
		},
	})
	if err != nil {
		return nil, errors.Join(err, k.db.Close())
	}
	return k, nil
}

// closeTimeout limits the wait for a refresh in progress.
const closeTimeout = 15 * time.Second

// close ends everything, also after Ctrl-C. A refresh token that X has just issued exists
// nowhere else until it is saved.
func (k *kitClients) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	return errors.Join(k.clients.Close(ctx), k.db.Close())
}
