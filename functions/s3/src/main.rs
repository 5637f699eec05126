#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), snapback::lambda::Error> {
    snapback::lambda::run(&s3::FUNCTION).await
}
