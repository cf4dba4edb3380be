package images

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"
)

// PushOptions say how to reach a registry. The zero value is sensible.
type PushOptions struct {
	// PlainHTTP is for a registry without TLS. Registries on loopback and private IPv4 addresses are asked without it anyway.
	PlainHTTP bool
	// Credentials finds those for a registry. Nil means the configuration files of docker and podman.
	Credentials authn.Keychain
}

// ParseReference reads the reference of an image in a registry, such as registry.example.org/podknock-agent:dev. It has to name its registry
// and a tag, for neither can be guessed.
func ParseReference(text string, options PushOptions) (name.Tag, error) {
	parse := []name.Option{name.StrictValidation}
	if options.PlainHTTP {
		parse = append(parse, name.Insecure)
	}
	tag, err := name.NewTag(text, parse...)
	if err != nil {
		return name.Tag{}, fmt.Errorf("image %q: write REGISTRY/NAME:TAG, such as registry.example.org/podknock-agent:dev", text)
	}
	return tag, nil
}

// Push writes an image of several architectures to a registry, and returns its digest.
func Push(ctx context.Context, tag name.Tag, index v1.ImageIndex, options PushOptions) (v1.Hash, error) {
	credentials := options.Credentials
	if credentials == nil {
		credentials = authn.DefaultKeychain
	}
	if err := remote.WriteIndex(tag, index, remote.WithContext(ctx), remote.WithAuthFromKeychain(credentials)); err != nil {
		var refused *transport.Error
		if errors.As(err, &refused) && (refused.StatusCode == http.StatusUnauthorized || refused.StatusCode == http.StatusForbidden) {
			err = fmt.Errorf("the registry answers %d %s: log in with `docker login %s` or `podman login %s`, whose credentials are used",
				refused.StatusCode, http.StatusText(refused.StatusCode), tag.RegistryStr(), tag.RegistryStr())
		}
		return v1.Hash{}, fmt.Errorf("push image %q: %w", tag.String(), err)
	}
	digest, err := index.Digest()
	if err != nil {
		return v1.Hash{}, fmt.Errorf("push image %q: %w", tag.String(), err)
	}
	return digest, nil
}
