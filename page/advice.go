package page

import (
	"errors"

	"github.com/xsignin/xsignin/provider"
)

// Advice is what an operator needs to know about a failure at a provider.
type Advice struct {
	// Code is a stable word.
	Code string
	// Problem is a sentence, and Fix says what to do.
	Problem, Fix string
}

// advice is one row of the table for operators.
type advice struct {
	reason   provider.Reason
	err      error  // counts if reason is empty
	provider string // "" means every provider
	Advice
}

// advices is the table for operators. The first row that matches counts.
var advices = [...]advice{
	{reason: provider.ReasonCredentials, provider: "x-oauth1", Advice: Advice{
		"credentials", "X does not accept the application's credentials.",
		"compare OAuth1.ConsumerKey and OAuth1.ConsumerSecret with the API key and secret in X's console; OAuth 2.0's client id and secret are others",
	}},
	{reason: provider.ReasonCredentials, Advice: Advice{
		"credentials", "X does not accept the application's credentials.",
		"compare ClientID and ClientSecret with those under OAuth 2.0 in X's console; the API key and secret are others. " +
			"A Web App has a secret; a Native App or Single Page App is public, and its ClientSecret stays empty",
	}},
	{reason: provider.ReasonCallback, Advice: Advice{
		"callback", "The callback is not registered at X.", "register the callback at X, to the letter",
	}},
	{reason: provider.ReasonClock, Advice: Advice{
		"clock_skew", "X refuses this machine's time.", "set this machine's clock by NTP",
	}},
	{reason: provider.ReasonAccess, Advice: Advice{
		"access", "The application's plan, project or permissions do not allow sign-in.",
		"attach the application to a project in X's console, and switch on user authentication",
	}},
	{reason: provider.ReasonScope, Advice: Advice{
		"scope", "The token lacks a scope that sign-in needs.", "request tweet.read and users.read, and sign in again",
	}},
	{reason: provider.ReasonCredits, Advice: Advice{
		"credits", "The account at X has no credits left.", "buy credits in X's console",
	}},
	{err: provider.ErrRateLimited, Advice: Advice{
		"rate_limited", "X limits this application's requests at the moment.", "wait, and check again",
	}},
	{err: provider.ErrUnavailable, Advice: Advice{
		"unavailable", "X gave no usable response.", "check again later; if this persists, check X.APIURL",
	}},
}

// AdviceFor returns the advice about err. callback is the URL to register, or "". The result
// for an unknown refusal has the code "refused".
func AdviceFor(err error, callback string) Advice {
	var pe *provider.Error
	if !errors.As(err, &pe) {
		pe = &provider.Error{}
	}
	for _, row := range advices {
		matches := row.reason == pe.Reason && row.reason != "" || row.err != nil && errors.Is(err, row.err)
		if !matches || (row.provider != "" && row.provider != pe.Provider) {
			continue
		}
		if row.reason == provider.ReasonCallback && callback != "" {
			row.Fix += ": " + callback
		}
		return row.Advice
	}
	return Advice{"refused", "X refused: " + err.Error() + ".", "see the code and the text of X's answer"}
}
