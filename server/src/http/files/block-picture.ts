/** A barred circle, shown in place of a blocked file: PNG, 96 x 96. */
export const blockPicture = Buffer.from(
  [
    'iVBORw0KGgoAAAANSUhEUgAAAGAAAABgAQMAAADYVuV7AAAABlBMVEXu7u6zJh7WpHKGAAABOElEQVR42s2T',
    'zRXEIAiE9eXgMSWklJRmSkspluAxB19YGBCXCna9JJ8/jMKQ0n+Mc6z/QtTWAtFaIh7zfxO4DXaBbnAIPAZV',
    '4PXzrcwIWWYrXRasS5Db9G+ZaRYZBzX2gUBVY5/P18UrNlQVqjhqqgiaVTVDjm9+AeyxOgexF7s3nDxGFShD',
    'xc7mUDtgxwWoHX1CpluhI+SFL2YK6Q5dfg0aZFJx4Dct4DcBIMbpgPh5QyZtE1hmAcssYJkFLLNAUucgqXOQ',
    'rE/IqIOByBg0yOh1+KIi47cWGQdUqNizq2eJgTx/e4eMpmx/IGNZeiBj+RuQSVaFYzhsrxoBxdpIjTCLrkbQ',
    'atvcpUZcRWcTwgjmnVeN8NUVKhbNF2wZDBusHEwe7B8bI7RMaKbQZqEBY2uGpg3t/NPxAauzDnCo5Uu8AAAA',
    'AElFTkSuQmCC',
  ].join(''),
  'base64',
);
